// Rooms of texts: what the model writes by a seed, the way between two codes, and what it makes of somebody's own text.
import { lerp, slerp } from "./latents.js";
import { find, latest, quoted, slider, word } from "./page.js";

const STEPS = 7; // from one text to another

export function texts(room) {
  const { about, engine } = room;
  const { generate, decode, translate, log_prob: density } = about.graphs;
  const listed = (id, lines) => find(id).replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
  const count = (id) => (find(id).dataset.drawn = String(Number(find(id).dataset.drawn ?? 0) + 1));

  function inRange(id) {
    const value = Math.min(about.seeds - 1, Math.max(0, Math.floor(Number(find(id).value) || 0)));
    find(id).value = String(value);
    return value;
  }

  const row = ({ data, shape }, seed) => {
    const size = data.length / shape[0];
    return data.subarray(seed * size, (seed + 1) * size);
  };

  function writing() {
    const warm = generate.inputs.some((port) => port.name === "temperature");
    const warmth = slider("warmth", (x) => x.toFixed(2).replace(/\.?0+$/, ""), () => run());
    find("warmth-label").hidden = !warm;
    const run = latest(async () => {
      room.tell(null);
      const [tensors, seed, temperature] = [await room.tensors(), inRange("texts-seed"), Number(warmth.value)];
      const values = { temperature: { data: [temperature], dims: [] } };
      for (const port of generate.inputs) {
        if (port.kind === "noise") values[port.name] = { data: row(tensors[port.name], seed), dims: tensors[port.name].shape.slice(1) };
      }
      const made = await engine.run(generate, values);
      listed("texts-lines", lines(made, generate.output));
      find("texts-caption").textContent = `seed ${seed}, ${Math.round(made.took)} ms`;
      count("texts");
      const t = temperature === 1 ? ["", ""] : [`, temperature=${temperature}`, ` --temperature ${temperature}`];
      room.code([`texts = model.space.lines(model.generate(${about.samples}, seed=${seed}${t[0]}))`], `zoo generate ${word(about.load)} -n ${about.samples} --seed ${seed}${t[1]}`);
    });
    find("texts-another").addEventListener("click", () => {
      find("texts-seed").value = String((inRange("texts-seed") + 1 + Math.floor(Math.random() * (about.seeds - 1))) % about.seeds);
      run();
    });
    find("texts-seed").max = about.seeds - 1;
    find("texts-seed").addEventListener("change", run);
  }

  function walking() {
    find("between").hidden = false;
    find("between-go").addEventListener("click", latest(async () => {
      room.tell(null);
      const [{ latents }, from, to] = [await room.tensors(), inRange("between-from"), inRange("between-to")];
      const [a, b] = [from, to].map((seed) => Array.from(row(latents, seed)));
      const way = Array.from({ length: STEPS }, (_, i) => (about.spherical ? slerp : lerp)(a, b, i / (STEPS - 1)));
      const made = await engine.run(decode, { latents: { data: way.flat(), dims: [STEPS, ...about.latent] } });
      listed("between-lines", lines(made, decode.output));
      count("between");
      const between = `zoo.latent.${about.spherical ? "slerp" : "lerp"}(a, b, i / ${STEPS - 1})`;
      room.code([`a, b = model.latents(seed=${from}), model.latents(seed=${to})`, `way = [model.space.lines(model.decode(${between})) for i in range(${STEPS})]`], `zoo interpolate ${word(about.load)} --from ${from} --to ${to} --steps ${STEPS}`);
    }));
  }

  function own() {
    const graph = translate ?? density;
    const port = graph.inputs.find(({ name }) => name === (translate ? "sources" : "samples"));
    find("own-text").hidden = false;
    find("own-text-given").value = about.text;
    const fills = translate && about.text.includes(port.written[port.indices.unknown]);
    find("own-text-go").textContent = fills ? "Fill the gaps" : translate ? "Translate" : "How likely?";
    find("own-text-form").addEventListener("submit", (event) => {
      event.preventDefault();
      run();
    });
    const run = latest(async () => {
      room.tell(null);
      for (const id of ["own-text-made", "own-text-hint"]) find(id).textContent = "";
      const text = find("own-text-given").value;
      const { data, strange, words } = tokens(text, port);
      find("own-text-hint").textContent = strange.length ? `It has not learned: ${strange.join(", ")}.` : "";
      const made = await engine.run(graph, { [port.name]: { data, dims: [1, data.length] } });
      find("own-text-made").textContent = translate ? lines(made, graph.output)[0] : likely(made.data[0], words, data.length, port.unit);
      count("own-text");
      const call = translate ? `made = model.space.lines(model.translate([${quoted(text)}]))` : `nats = model.log_prob([${quoted(text)}])`;
      room.code([call], "");
    });
  }

  if (generate || about.lines.length) {
    find("texts").hidden = false;
    listed("texts-lines", about.lines);
    find("texts-caption").textContent = generate ? "As Python wrote them by seed 0. Press Another, and the model is loaded and writes here." : "As Python wrote them by seed 0.";
    if (generate) writing();
    else for (const control of find("texts").querySelectorAll(".buttons")) control.hidden = true;
  }
  if (decode && about.tensors.latents) walking();
  if (translate || (density && !density.inputs.some(({ name }) => name === "condition"))) own();
}

// A text of all the words that there may be has no end to be predicted.
const likely = (nats, words, most, unit) => {
  const ends = words < most;
  return `ln p = ${nats.toFixed(2)} nats: ${(-nats / (words + ends)).toFixed(2)} for each of its ${words} ${unit}s${ends ? " and the end" : ""}`;
};

// Of tokens (n, length) the texts; a sign that is glued to what comes before stands without a space.
export function lines({ data, dims }, { written, unit, glued, indices }) {
  const [n, length] = dims;
  return Array.from({ length: n }, (_, i) => {
    const parts = Array.from(data.slice(i * length, (i + 1) * length), Number).filter((token) => token !== indices.end).map((token) => written[token]);
    if (unit === "character") return parts.join("");
    return parts.map((part) => (part.startsWith(glued) ? part.slice(glued.length) : ` ${part}`)).join("").replace(/^ /, "");
  });
}

// The words of a text, as zoo_sequences.words cuts them.
function pieces(text, unit, glued) {
  const plain = text.normalize("NFC").toLowerCase().replaceAll("’", "'").replaceAll(glued, "-").trim().split(/\s+/u).join(" ");
  if (unit === "character") return [...plain].filter((sign) => sign.trim());
  let end = 0;
  return Array.from(plain.matchAll(/[\p{L}\p{N}_]+'?|[^\p{L}\p{N}_\s]/gu), ({ 0: piece, index }) => {
    const whole = index > 0 && index === end ? glued + piece : piece;
    end = index + piece.length;
    return whole;
  });
}

// A text as a graph takes it: the tokens, the words that are not known, and how many there are. Throws a sentence.
export function tokens(text, { written, unit, glued, indices, shape }) {
  const words = pieces(text, unit, glued);
  const most = shape[1];
  if (!words.length || words.length > most) throw new Error(`The text has ${words.length} ${unit}s; this model takes 1 to ${most}.`);
  const place = (word) => written.indexOf(word, indices.first);
  const other = (word) => (word.startsWith(glued) ? word.slice(glued.length) : glued + word); // a space more or less
  const places = words.map((word) => (place(word) < 0 ? place(other(word)) : place(word)));
  const gap = written[indices.unknown];
  const strange = words.filter((word, i) => places[i] < 0 && word !== gap).map((word) => word.replace(glued, ""));
  const data = Array.from({ length: most }, (_, i) => (i >= words.length ? indices.end : places[i] < 0 ? indices.unknown : places[i]));
  return { data, strange, words: words.length };
}
