// A picture that somebody brings, or draws: encoded and rebuilt, or translated.
import { enlarge, fit, pixels, put, read, savePng, show } from "./pictures.js";
import { find, latest, quoted, slider, word } from "./page.js";

const LARGEST = 256; // pixels on a side of what is translated
const SKETCH = 64; // pixels on a side of the largest picture that can be drawn
const PEN = 0.075; // of the side
const GOES_IN = "What goes in";

export function own(room, takes, draw) {
  const { about, engine } = room;
  const canvas = find("source");
  const ways = takes.flatMap((key) => (key === "encode" ? (about.graphs.decode ? [[key, "the picture, encoded and rebuilt"]] : []) : [[key, named(about, key)]]));
  if (!ways.length) return;
  find("own").hidden = false;
  const way = find("way");
  way.append(...ways.map(([key, words]) => new Option(words, key)));
  find("way-label").hidden = ways.length < 2;
  const port = () => about.graphs[way.value].inputs.find(({ name }) => name === "samples" || name === "sources");
  const channels = () => port().shape[1];
  const open = () => typeof port().shape[2] === "string";
  const side = () => (open() ? 0 : port().shape[2]);
  let clean = null; // what went in, before noise

  function wanted() {
    if (!open()) return { shape: port().shape.slice(1) };
    return { largest: about.enlargement > 1 ? LARGEST / 2 : LARGEST, multiple: port().multiple, smallest: port().smallest };
  }

  async function take(source, width, height) {
    room.tell(null);
    const fitted = fit(width, height, wanted());
    put(canvas, source, fitted);
    find("source-caption").textContent = fitted.said || GOES_IN;
    if (channels() === 4 && !transparent()) hole();
    keep();
    await run();
  }

  const keep = () => (clean = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height));

  function transparent() {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value, i) => i % 4 === 3 && value < 128);
  }

  function hole() {
    const [w, h] = [canvas.width >> 2, canvas.height >> 2];
    canvas.getContext("2d").clearRect(w, h, 2 * w, 2 * h);
  }

  async function work() {
    if (!clean) return;
    const context = canvas.getContext("2d");
    context.putImageData(noisy(clean, Number(noise.value)), 0, 0);
    const graph = about.graphs[way.value];
    const sources = pixels(canvas, channels());
    const values = { [port().name]: sources };
    const tensors = Object.keys(about.tensors).length ? await room.tensors() : {};
    for (const input of graph.inputs) {
      if (input.kind === "noise") values[input.name] = firstOf(tensors[input.name], input);
      if (input.name === "condition") values.condition = draw.condition(input, 1);
    }
    let made = await engine.run(graph, values);
    const took = made.took;
    if (way.value === "encode") {
      const latents = made;
      const given = { latents: { data: latents.data, dims: latents.dims } };
      for (const input of about.graphs.decode.inputs) if (input.name === "condition") given.condition = draw.condition(input, 1);
      made = await engine.run(about.graphs.decode, given);
      await draw.take(latents.data);
      find("result-caption").textContent = `Rebuilt from ${latents.data.length} numbers, which the sliders above now move`;
    } else {
      const [, , height, width] = made.dims;
      find("result-caption").textContent = `What comes out: ${width}×${height} pixels, ${Math.round(took)} ms`;
    }
    show(find("result"), made);
    find("save-result").hidden = false;
    find("own").dataset.drawn = String(Number(find("own").dataset.drawn ?? 0) + 1);
    written();
  }
  const run = latest(work);

  function written() {
    if (way.value === "encode") room.code(['z = model.encode("photo.png")', "again = model.decode(z)"], `zoo encode ${word(about.load)} photo.png`);
    else {
      const to = way.value.slice("translate-".length);
      room.code([`made = model.translate("photo.png"${to ? `, to=${quoted(to)}` : ""})`], `zoo translate ${word(about.load)} photo.png --out made/${to ? ` --to ${word(to)}` : ""}`);
    }
  }

  const noise = slider("noise", (x) => String(x), run);
  find("noise-label").hidden = !(about.graphs.translate && about.graphs.encode);

  const bring = async (file) => {
    if (!file) return;
    try {
      const bitmap = await read(file);
      await take(bitmap, bitmap.width, bitmap.height);
    } catch (error) {
      room.tell(error);
    }
  };
  find("file").addEventListener("change", () => bring(find("file").files[0]));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    bring(event.dataTransfer?.files[0]);
  });
  document.addEventListener("paste", (event) => bring([...event.clipboardData.files][0]));
  way.addEventListener("change", () => {
    examples();
    run();
  });

  function examples() {
    const names = about.examples[way.value.replace(/^translate-?/, "")] ?? [];
    find("examples").replaceChildren(...names.map((name, i) => {
      const image = Object.assign(new Image(), { src: name, alt: "" });
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.setAttribute("aria-label", `Example ${i + 1}`);
      button.append(image);
      button.addEventListener("click", () => take(image, image.naturalWidth, image.naturalHeight).catch(room.tell));
      return button;
    }));
  }
  examples();
  sketch();
  find("save-result").addEventListener("click", () => savePng(find("result"), `${about.name}-made.png`));
  find("own-about").textContent = introduction();

  function introduction() {
    if (channels() === 4) return "What is transparent, or wiped out with the pointer, is filled.";
    if (drawable()) return `Draw on the black square, or bring a picture: it is seen in ${side()}×${side()} pixels of grey.`;
    return open() ? "Of any size; what is larger than this page can do is made smaller." : `It is seen in ${side()}×${side()} pixels.`;
  }

  function drawable() {
    return channels() === 1 && !open() && side() <= SKETCH;
  }

  // White strokes on black, or holes.
  function sketch() {
    const wipes = channels() === 4;
    if (!drawable() && !wipes) return;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (drawable()) {
      blank();
      find("clear").hidden = false;
      find("clear").addEventListener("click", blank);
    }
    canvas.classList.add("sketch");
    let last = null;
    const stroke = (event) => {
      const box = canvas.getBoundingClientRect();
      const here = [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
      if (clean) context.putImageData(clean, 0, 0);
      context.globalCompositeOperation = wipes ? "destination-out" : "source-over";
      context.strokeStyle = "white";
      context.lineCap = "round";
      context.lineWidth = PEN * canvas.width * (wipes ? 2 : 1);
      context.beginPath();
      context.moveTo(...(last ?? here));
      context.lineTo(here[0] + 0.01, here[1]);
      context.stroke();
      context.globalCompositeOperation = "source-over";
      last = here;
      keep();
      run();
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = null;
      stroke(event);
    });
    canvas.addEventListener("pointermove", (event) => event.buttons && stroke(event));

    function blank() {
      canvas.width = canvas.height = side();
      context.fillStyle = "black";
      context.fillRect(0, 0, side(), side());
      enlarge(canvas, 256);
      find("source-caption").textContent = GOES_IN;
      [find("result").width, find("result-caption").textContent, find("save-result").hidden] = [1, "", true];
      keep();
    }
  }
}

function named(about, key) {
  const to = key.slice("translate-".length);
  if (to) return to;
  if (about.enlargement > 1) return `${about.enlargement} times as large`;
  return "what the model makes of it";
}

// Noise of a graph that translates: that of seed 0.
function firstOf(kept, port) {
  if (!kept) throw new Error("The noise of this model depends on the size of the picture, which this page cannot draw.");
  const size = kept.data.length / kept.shape[0];
  return { data: kept.data.subarray(0, size), dims: [1, ...port.shape.slice(1)] };
}

// With Gaussian noise of this deviation, by a generator with a fixed seed (xorshift), so that it stays as it is.
function noisy(image, deviation) {
  if (!deviation) return image;
  let x = 2463534242;
  const uniform = () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return ((x >>> 0) + 1) / 4294967297;
  };
  const made = new ImageData(new Uint8ClampedArray(image.data), image.width);
  for (let i = 0; i < made.data.length; i += 4) {
    const change = 255 * deviation * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    for (let k = 0; k < 3; k++) made.data[i + k] += change;
  }
  return made;
}
