// Drawing samples: seeds, conditions, temperature, truncation and directions.
import { dot, npy, truncate } from "./latents.js";
import { conditions } from "./conditions.js";
import { pad } from "./pad.js";
import { Plane } from "./plane.js";
import { save, savePng, show } from "./pictures.js";
import { find, latest, slider, word } from "./page.js";

const UNCUT = 4; // the truncation at which next to nothing is cut

export function drawing(room, graph) {
  const { about, engine } = room;
  const images = about.space.kind === "image";
  const plane = images ? null : new Plane(room, find("sample"));
  const state = { seed: 0, changes: 0, encoded: null, offsets: (about.sliders ?? []).map(() => 0), category: null };
  const condition = conditions(about, find("condition"), () => redraw());
  find("draw").hidden = false;
  find("seed").max = about.seeds - 1;

  const temperature = slider("temperature", (x) => x.toFixed(2).replace(/\.?0+$/, ""), () => redraw());
  const truncation = slider("truncation", (x) => (x >= UNCUT ? "none" : String(x)), () => redraw());
  find("temperature-label").hidden = !(about.tensors.center || graph.inputs.some((port) => port.name === "temperature"));
  find("truncation-label").hidden = !about.truncation;

  // Of what grows in training: the graph of the size that is chosen.
  const sizes = about.resolutions ?? [];
  const resolution = slider("resolution", (i) => `${sizes[i]}×${sizes[i]}`, () => redraw());
  if (sizes.length > 1) {
    resolution.max = String(sizes.length - 1); // before the value, which it bounds
    resolution.value = resolution.max;
    document.querySelector("output[for=resolution]").textContent = `${sizes.at(-1)}×${sizes.at(-1)}`;
    find("resolution-label").hidden = false;
  }
  const smaller = () => sizes.length > 1 && Number(resolution.value) < sizes.length - 1 ? sizes[resolution.value] : null;

  // The latents of a seed, as Python draws them at this temperature and truncation, of all its samples.
  function drawn(tensors, seed) {
    const { data, shape } = tensors.latents;
    const size = data.length / shape[0];
    let z = Array.from(data.subarray(seed * size, (seed + 1) * size));
    if (about.truncation && Number(truncation.value) < UNCUT) z = truncate(z, Number(truncation.value));
    const t = Number(temperature.value);
    const center = tensors.center?.data;
    return center && t !== 1 ? z.map((x, i) => center[i % center.length] + t * (x - center[i % center.length])) : z;
  }

  const direction = (tensors, i) => {
    const [, size] = tensors.directions.shape;
    return tensors.directions.data.subarray(i * size, (i + 1) * size);
  };
  const places = (tensors, z) => about.sliders.map(({ unit }, i) => dot(z.map((x, j) => x - tensors.mean.data[j]), direction(tensors, i)) / unit);

  // Where the sliders have moved it, and with the chosen category.
  function current(tensors) {
    let z = state.encoded ?? drawn(tensors, state.seed);
    state.offsets.forEach((offset, i) => {
      if (!offset) return;
      const along = direction(tensors, i);
      z = z.map((x, j) => x + offset * about.sliders[i].unit * along[j]);
    });
    if (state.category !== null) z = z.map((x, i) => (i < about.categories ? Number(i === state.category) : x));
    return z;
  }

  // What a graph is given for `rows` latents, end to end.
  async function values(tensors, latents, rows, seed) {
    const given = { latents: { data: latents, dims: [rows, ...about.latent] } };
    for (const port of graph.inputs) {
      if (port.kind === "noise") {
        const { data, shape } = tensors[port.name];
        const size = data.length / shape[0];
        given[port.name] = { data: data.subarray(seed * size, (seed + 1) * size), dims: shape.slice(1) };
      }
      if (port.name === "temperature") given.temperature = { data: [Number(temperature.value)], dims: [] };
      if (port.name === "condition") given.condition = condition.given(port, rows, seed);
    }
    return given;
  }

  async function draw() {
    room.tell(null);
    const tensors = await room.tensors();
    const z = tensors.latents ? current(tensors) : [];
    const { changes } = state;
    const rows = images || !tensors.latents ? 1 : about.samples;
    const chosen = smaller() ? about.graphs[`decode-${smaller()}`] : graph;
    const made = await engine.run(chosen, await values(tensors, z, rows, state.seed));
    if (images) show(find("sample"), made);
    else await plane.show(made);
    if (about.sliders) {
      // What was moved meanwhile is where it was moved to, and drawn next.
      if (changes === state.changes) latents.show(places(tensors, z));
      find("latents").hidden = false;
    }
    condition.show?.(state.seed);
    state.shown = `${about.name}-${state.encoded ? "mine" : `seed${state.seed}`}${state.offsets.some(Boolean) ? "-moved" : ""}`;
    find("save").hidden = false;
    find("save-latents").hidden = !images || !tensors.latents;
    const from = state.encoded ? "your picture" : `seed ${state.seed}`;
    const moved = state.offsets.some(Boolean) ? ", moved" : "";
    find("caption").textContent = `${images ? "" : `${rows} points, `}${from}${moved}, ${Math.round(made.took)} ms`;
    find("draw").dataset.drawn = String(Number(find("draw").dataset.drawn ?? 0) + 1);
    written();
  }
  const redraw = latest(draw);

  function inRange(input) {
    const value = Math.min(about.seeds - 1, Math.max(0, Math.floor(Number(input.value) || 0)));
    input.value = String(value);
    return value;
  }

  function written() {
    const chosen = condition.written(state.seed);
    const [t, cut] = [Number(temperature.value), Number(truncation.value)];
    const options = `${t === 1 ? "" : `, temperature=${t}`}${about.truncation && cut < UNCUT ? `, truncation=${cut}` : ""}`;
    const size = smaller() ? `, resolution=${smaller()}` : "";
    const shell = options.replace(/, (\w+)=/g, " --$1 ") + size.replace(", ", " --option ");
    const n = images ? "" : `${about.samples}, `;
    if (state.encoded || state.offsets.some(Boolean) || state.category !== null) {
      const lines = ["import numpy, torch", 'z = torch.from_numpy(numpy.load("latents.npy"))  # “Save latents”', `image = model.decode(z${chosen.python}${size})`];
      room.code(lines);
    } else {
      const call = about.generates === false ? `model.decode(model.latents(${n}seed=${state.seed}${options})${chosen.python}${size})` : `model.generate(${n}seed=${state.seed}${chosen.python}${options}${size})`;
      // What generate draws in another way has no command for these latents.
      room.code([`${images ? "image" : "points"} = ${call}`], about.generates === false ? "" : `zoo generate ${word(about.load)}${images ? "" : ` -n ${about.samples}`} --seed ${state.seed}${chosen.shell}${shell} --out ${images ? "sample.png" : "points.csv"}`);
    }
  }

  function seed(value) {
    state.seed = value;
    state.encoded = null;
    state.offsets.fill(0);
    find("seed").value = String(value);
    redraw();
  }
  find("seed").addEventListener("change", () => seed(inRange(find("seed"))));
  find("another").addEventListener("click", () => seed((state.seed + 1 + Math.floor(Math.random() * (about.seeds - 1))) % about.seeds));
  find("reset").addEventListener("click", () => {
    state.category = null;
    if (about.categories) find("category").value = "";
    seed(state.seed);
  });
  find("save").addEventListener("click", () => savePng(find("sample"), `${state.shown}.png`));
  find("save-latents").addEventListener("click", async () => save(npy(current(await room.tensors()), [1, ...about.latent]), "latents.npy"));

  const latents = about.sliders ? pad(about, find("pad"), find("sliders"), (i, change) => {
    state.offsets[i] += change;
    state.changes++;
    redraw();
  }) : null;
  if (about.categories) categories(about, (value) => {
    state.category = value;
    redraw();
  });
  placeholder(find("sample"), images);
  return {
    // Latents of somebody's picture become those that the sliders move.
    take(z) {
      state.encoded = Array.from(z);
      state.offsets.fill(0);
      return latest(draw)();
    },
    // To a place of the plane, from the latents that are drawn now.
    async move(x, y) {
      if (!find("draw").dataset.drawn) await redraw();
      if (find("draw").dataset.drawn) latents.to(x, y);
    },
    condition: (port, rows) => condition.given(port, rows, state.seed),
    written: condition.written,
    latents: drawn,
    values,
    inRange,
  };
}

// Categories of a learned code, which nobody named.
function categories(about, changed) {
  const select = Object.assign(document.createElement("select"), { id: "category" });
  select.append(new Option("of the seed", ""), ...Array.from({ length: about.categories }, (_, i) => new Option(String(i), String(i))));
  select.addEventListener("change", () => changed(select.value === "" ? null : Number(select.value)));
  const label = document.createElement("label");
  label.append("Category, learned without labels ", select);
  find("condition").append(label);
}

// The picture of the hall until something is drawn: nothing is loaded before somebody touches the model.
function placeholder(canvas, images) {
  const picture = new Image();
  picture.src = "picture.webp";
  picture.onload = () => {
    if (find("draw").dataset.drawn) return;
    [canvas.width, canvas.height] = [320, 160];
    canvas.getContext("2d").drawImage(picture, 0, 0);
    find("caption").textContent = "Samples of the model. Press Another, and it is loaded and draws here.";
  };
}
