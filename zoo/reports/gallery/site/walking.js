// The walk between two samples: latents of both seeds and those between them, as a strip, a picture or an animation.
import { gif } from "./gif.js";
import { lerp, slerp } from "./latents.js";
import { imageData, save, savePng, strip } from "./pictures.js";
import { find, latest, word } from "./page.js";

const FRAMES = 8;
const [SOON, AT_ENDS] = [10, 50]; // hundredths of a second that an animation shows a frame, as zoo.images.animate does

export function walking(room, graph, draw) {
  const { about, engine } = room;
  let frames = []; // of the walk that is shown

  async function walk() {
    room.tell(null);
    const tensors = await room.tensors();
    const [first, second] = ["from", "to"].map((id) => draw.inRange(find(id)));
    const [a, b] = [first, second].map((seed) => draw.latents(tensors, seed));
    const between = about.spherical ? slerp : lerp;
    const latents = Array.from({ length: FRAMES }, (_, i) => between(a, b, i / (FRAMES - 1)));
    const made = await engine.run(graph, await draw.values(tensors, latents.flat(), FRAMES, first));
    frames = latents.map((_, i) => imageData(made, i));
    strip(find("strip"), made);
    for (const id of ["strip", "save-walk", "save-film"]) find(id).hidden = false;
    find("walk").dataset.drawn = "1";
    const chosen = draw.written(first);
    room.code(
      [`a, b = model.latents(seed=${first}), model.latents(seed=${second})`,
        `way = [model.decode(zoo.latent.${about.spherical ? "slerp" : "lerp"}(a, b, i / ${FRAMES - 1})${chosen.python}) for i in range(${FRAMES})]`],
      `zoo interpolate ${word(about.load)} --from ${first} --to ${second} --steps ${FRAMES}${chosen.shell}`,
    );
  }

  // There and back again.
  function animation() {
    const back = frames.slice(1, -1).reverse();
    const times = [...frames, ...back].map((_, i) => (i === 0 || i === frames.length - 1 ? AT_ENDS : SOON));
    return gif([...frames, ...back], times);
  }

  find("walk").hidden = false;
  find("go").addEventListener("click", latest(walk));
  find("save-walk").addEventListener("click", () => savePng(find("strip"), `${about.name}-path.png`));
  find("save-film").addEventListener("click", () => save(animation(), `${about.name}-path.gif`));
}
