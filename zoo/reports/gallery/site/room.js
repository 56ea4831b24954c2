// A room: what of it there is follows from what its model is, as `about` on the page says.
import { codes } from "./codes.js";
import { Engine } from "./engine.js";
import { tensor } from "./latents.js";
import { drawing } from "./drawing.js";
import { layers } from "./layers.js";
import { mixing } from "./mixing.js";
import { own } from "./own.js";
import { find, quoted, tell } from "./page.js";
import { texts } from "./texts.js";
import { walking } from "./walking.js";
import { widgets } from "./widgets.js";

const about = JSON.parse(find("about").textContent);
find("unserved").remove(); // scripts do run

// What is waited for, a sentence, or null for nothing; which share of it is done, null if nobody knows; how long it takes.
function loading(what, share, passed = "") {
  find("loading").hidden = what === null;
  if (what === null) return;
  if (find("loaded").textContent !== what) find("loaded").textContent = what; // it is read aloud
  find("passed").textContent = passed;
  if (share === null) find("progress").removeAttribute("value");
  else find("progress").value = share;
}

let tensors;
async function loadTensors() {
  const answer = await fetch("tensors.bin").catch(() => {
    throw new Error("tensors.bin could not be loaded. Is the server still there?");
  });
  if (!answer.ok) throw new Error(`tensors.bin could not be loaded: the server says ${answer.status}.`);
  const buffer = await answer.arrayBuffer();
  return Object.fromEntries(Object.entries(about.tensors).map(([name, place]) => [name, tensor(buffer, place)]));
}

const room = {
  about,
  engine: new Engine(loading),
  tensors: () => (tensors ??= loadTensors().catch((error) => {
    tensors = undefined; // the next try asks again
    throw error;
  })),
  tell,
  code(lines, command) {
    find("python").hidden = false;
    find("code").textContent = ["import zoo", `model = zoo.load(${quoted(about.load)})`, ...lines, ...(command ? ["", `$ ${command}`] : [])].join("\n");
  },
};

if (about.refused.length || !(Object.keys(about.graphs).length || about.widgets.length)) {
  find("refused").hidden = false;
  const reasons = about.refused.length ? about.refused : ["Its samples are of a kind that this page does not draw."];
  find("refused").querySelector("ul").append(...reasons.map((reason) => Object.assign(document.createElement("li"), { textContent: reason })));
}

const main = about.graphs.decode ?? about.graphs.generate;
const draw = main && ["image", "row"].includes(about.space.kind) ? drawing(room, main) : null;
if (draw && about.space.kind === "image" && about.tensors.latents) walking(room, main, draw);
if (about.stages) layers(room);
if (draw && about.layers) mixing(room, main, draw);
const takes = about.space.kind === "text" ? [] : Object.keys(about.graphs).filter((key) => key === "encode" || key.startsWith("translate"));
if (takes.length) own(room, takes, draw);
if (draw) codes(room, draw);
if (about.space.kind === "text") texts(room);
widgets(room);
