// Where codes of held-out pictures lie on the plane of latents, in the colours of their classes, and what the model draws
// there: of this model, and beside it of another of the same data.
import { REACH } from "./pad.js";
import { find, tell } from "./page.js";

const SIDE = 360;
const DRAWN = -2; // in place of a class

export function codes(room, draw) {
  const { codes: own, beside = [], encodes, data } = room.about;
  if (!own && !encodes) return;
  find("codes").hidden = false;
  if (!own) {
    find("codes-about").textContent = `Where codes of real pictures lie is not on this site, which was built without data: zoo gallery --data ${data}=DIR.`;
    return;
  }
  find("codes-shown").hidden = false;
  find("codes-about").textContent = `${own.n.toLocaleString("en")} pictures of ${own.data} that the model was not trained on, by their codes of ${own.numbers} numbers${own.numbers > 2 ? " along the first two directions" : ""}; rings are what it draws. Where there are rings and no codes is a hole, in which nothing was learned. Point at a place, and it is drawn above.`;
  const canvas = find("codes-own");
  paint(canvas, own, "codes.bin").catch(tell);
  find("codes-own-caption").textContent = told(room.about.name, own);
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const at = (share) => (2 * share - 1) * REACH;
    draw.move(at((event.clientX - box.left) / box.width), -at((event.clientY - box.top) / box.height)).catch(tell);
  });
  legend(own.classes);

  const select = find("beside");
  select.append(...beside.map(({ name }, i) => new Option(name, String(i))));
  find("beside-label").hidden = find("codes-other-shown").hidden = !beside.length;
  const compare = () => {
    const { name, place, ...other } = beside[Number(select.value)];
    paint(find("codes-other"), other, `../${place}/codes.bin`).catch(tell);
    find("codes-other-caption").textContent = told(name, other);
  };
  select.addEventListener("change", compare);
  if (beside.length) compare();
}

const told = (name, { holes }) => `${name}: of what it draws ${Math.round(100 * holes)} % lies in holes, where 5 % would by chance`;

async function paint(canvas, { classes }, url) {
  canvas.dataset.wanted = url;
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} could not be loaded: the server says ${answer.status}.`);
  const rows = new Float32Array(await answer.arrayBuffer());
  if (canvas.dataset.wanted !== url) return; // another was chosen meanwhile
  const context = canvas.getContext("2d");
  canvas.width = canvas.height = SIDE;
  const ink = getComputedStyle(canvas).getPropertyValue("--ink");
  for (let i = 0; i < rows.length; i += 3) {
    const [x, y] = [(rows[i] / REACH + 1) * SIDE / 2, (1 - rows[i + 1] / REACH) * SIDE / 2];
    context.beginPath();
    if (rows[i + 2] === DRAWN) {
      context.strokeStyle = ink;
      context.globalAlpha = 0.45;
      context.arc(x, y, 3.5, 0, 2 * Math.PI);
      context.stroke();
    } else {
      context.fillStyle = rows[i + 2] < 0 ? ink : colour(rows[i + 2], classes.length);
      context.globalAlpha = 0.75;
      context.arc(x, y, 2.2, 0, 2 * Math.PI);
      context.fill();
    }
  }
  canvas.dataset.drawn = url;
}

// Hues all around, in two shades in turns.
const colour = (k, count) => `hsl(${(360 * k) / count} 75% ${k % 2 ? 35 : 55}%)`;

function legend(classes) {
  find("codes-legend").replaceChildren(...classes.map((name, k) => {
    const mark = document.createElement("canvas");
    [mark.width, mark.height] = [12, 12];
    const context = mark.getContext("2d");
    context.fillStyle = colour(k, classes.length);
    context.fillRect(0, 0, 12, 12);
    const item = document.createElement("li");
    item.append(mark, name);
    return item;
  }));
}
