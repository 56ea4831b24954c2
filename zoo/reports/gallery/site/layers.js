// A flow of the plane at work: points of seed 0 on their way through its layers, from noise to samples.
import { framed } from "./plane.js";
import { find, slider } from "./page.js";

const SIDE = 420;
const [EACH, PAUSE] = [700, 40]; // milliseconds that a layer takes when it is played, and between two pictures of it

export function layers(room) {
  const { stages } = room.about; // what the layers are called
  const canvas = find("layers-points");
  let timer = null;

  let way; // the points of each stage, the frame that they fit into, and their colours
  async function known() {
    const { data, shape: [count, n] } = (await room.tensors()).stages;
    const points = Array.from({ length: count }, (_, k) => Array.from({ length: n }, (_, i) => [data[2 * (k * n + i)], data[2 * (k * n + i) + 1]]));
    const middle = [0, 1].map((axis) => points[0].reduce((sum, point) => sum + point[axis], 0) / n);
    const colours = points[0].map(([x, y]) => `hsl(${(Math.atan2(y - middle[1], x - middle[0]) * 180) / Math.PI} 70% 50%)`);
    return { points, frames: points.map(framed), colours };
  }

  async function show() {
    room.tell(null);
    const { points, frames, colours } = await (way ??= known());
    const place = Number(input.value);
    const before = Math.min(Math.floor(place), stages.length - 1);
    const between = (a, b) => a + (place - before) * (b - a);
    const [low, high] = [0, 1].map((end) => [0, 1].map((axis) => between(frames[before][end][axis], frames[before + 1][end][axis])));
    const context = canvas.getContext("2d");
    canvas.width = canvas.height = SIDE;
    points[before].forEach((start, i) => {
      const [x, y] = [0, 1].map((axis) => {
        const now = between(start[axis], points[before + 1][i][axis]);
        return ((now - low[axis]) / (high[axis] - low[axis])) * SIDE;
      });
      context.fillStyle = colours[i];
      context.fillRect(x - 1.5, SIDE - y - 1.5, 3, 3);
    });
    const layer = Math.ceil(place);
    const caption = layer ? `${layer === place ? "After" : "In"} layer ${layer} of ${stages.length}: ${stages[layer - 1]}` : "Noise, before the first layer";
    if (find("layers-caption").textContent !== caption) find("layers-caption").textContent = caption; // it is read aloud
    find("layers").dataset.drawn = String(place);
  }
  const shown = (place) => String(Math.round(10 * place) / 10);
  const input = slider("through", shown, () => {
    pause();
    show().catch(room.tell);
  });
  input.max = String(stages.length);

  function go(place) {
    input.value = String(place);
    document.querySelector("output[for=through]").textContent = shown(Number(input.value));
    return show();
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    find("layers-play").textContent = "Play";
  }

  find("layers-play").addEventListener("click", () => {
    if (timer !== null) return pause();
    let place = Number(input.value) >= stages.length ? 0 : Number(input.value);
    find("layers-play").textContent = "Pause";
    // Who wants little motion sees a layer after the other.
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    timer = setInterval(() => {
      place = Math.min(stages.length, still ? Math.floor(place) + 1 : place + PAUSE / EACH);
      if (place >= stages.length) pause();
      go(place).catch(room.tell);
    }, still ? EACH : PAUSE);
  });
  find("layers").hidden = false;
}
