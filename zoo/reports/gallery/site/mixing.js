// Mixing styles: the first layers of one sample's with the others of a second's, as zoo.latent.mix does. Samples to choose
// from are dragged onto each other; the fields for their seeds do the same.
import { savePng, show } from "./pictures.js";
import { find, latest, slider, word } from "./page.js";

export function mixing(room, graph, draw) {
  const { about, engine } = room;
  const layer = slider("layer", String, () => mix());
  layer.max = String(about.layers - 1);
  layer.value = String(Math.floor(about.layers / 2));
  document.querySelector("output[for=layer]").textContent = layer.value;
  for (const id of ["coarse", "fine"]) {
    find(id).max = about.seeds - 1;
    find(id).addEventListener("change", () => mix());
  }

  const SHOWN = Math.min(6, about.seeds); // samples to choose from
  async function faces() {
    const tensors = await room.tensors();
    const drawn = Array.from({ length: SHOWN }, (_, seed) => draw.latents(tensors, seed));
    const made = await engine.run(graph, await draw.values(tensors, drawn.flat(), SHOWN, 0));
    find("faces").replaceChildren(...drawn.map((_, seed) => face(made, seed)));
    find("faces").hidden = find("faces-about").hidden = false;
  }

  function face(made, seed) {
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `The sample of seed ${seed}, to be dragged onto another`);
    show(canvas, made, seed);
    canvas.style.width = "";
    canvas.dataset.seed = String(seed);
    draggable(canvas, (other) => {
      find("coarse").value = String(seed);
      find("fine").value = other.dataset.seed;
      mix();
    });
    return canvas;
  }

  const mix = latest(async () => {
    room.tell(null);
    const tensors = await room.tensors();
    const [first, second, cut] = [draw.inRange(find("coarse")), draw.inRange(find("fine")), Number(layer.value)];
    const [a, b] = [first, second].map((seed) => draw.latents(tensors, seed));
    const size = (cut * a.length) / about.layers;
    const mixed = [...a.slice(0, size), ...b.slice(size)];
    const made = await engine.run(graph, await draw.values(tensors, [...a, ...mixed, ...b], 3, first));
    ["coarse-sample", "mixed", "fine-sample"].forEach((id, i) => show(find(id), made, i));
    find("save-mixed").hidden = find("mix-shown").hidden = false;
    find("mixed-caption").textContent = `Mixed: of seed ${first} before layer ${cut}, of seed ${second} from it on, of ${about.layers}`;
    room.code(
      [`a, b = model.latents(seed=${first}), model.latents(seed=${second})`, `image = model.decode(zoo.latent.mix(a, b, ${cut}))`],
      `zoo mix ${word(about.load)} --coarse ${first} --fine ${second} --layer ${cut}`,
    );
    if (!find("faces").childElementCount) await faces();
    find("mix").dataset.drawn = String(Number(find("mix").dataset.drawn ?? 0) + 1);
  });
  find("mix").hidden = false;
  find("mix-go").addEventListener("click", mix);
  find("save-mixed").addEventListener("click", () => savePng(find("mixed"), `${about.name}-mix-${find("coarse").value}-${find("fine").value}.png`));
}

// Lets any pointer, a finger too, drag an element onto another of the same parent, which `dropped` is told.
function draggable(element, dropped) {
  let from = null;
  element.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary) return;
    from = [event.clientX, event.clientY];
    element.setPointerCapture(event.pointerId);
    element.classList.add("dragged");
  });
  element.addEventListener("pointermove", (event) => {
    if (from) element.style.translate = `${event.clientX - from[0]}px ${event.clientY - from[1]}px`;
  });
  element.addEventListener("pointerup", (event) => {
    const below = document.elementsFromPoint(event.clientX, event.clientY);
    const other = below.find((each) => each !== element && each.parentNode === element.parentNode);
    if (from && other) dropped(other);
  });
  element.addEventListener("lostpointercapture", () => {
    from = null;
    element.style.translate = "";
    element.classList.remove("dragged");
  });
}
