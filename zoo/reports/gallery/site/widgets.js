// What plugins bring to a room: modules, each of which is given the room and a place on the page.
import { find, tell } from "./page.js";

export function widgets(room) {
  room.about.widgets.forEach(({ title, script }, i) => {
    const place = document.createElement("section");
    const heading = Object.assign(document.createElement("h2"), { id: `widget-${i}`, textContent: title });
    place.setAttribute("aria-labelledby", heading.id);
    place.append(heading);
    find("widgets").append(place);
    import(new URL(script, document.baseURI).href)
      .then((made) => made.default(room, place))
      .catch((error) => tell(`${title}: ${error.message ?? error}`));
  });
}
