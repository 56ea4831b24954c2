// Block Gibbs sampling: hidden units are drawn given the pixels, pixels given the hidden units, and so on. The room's own
// graphs give the probabilities, encode those of hidden units and decode those of pixels.
const STEPS = [1, 10, 100];
const PIXEL = 9; // of the screen, for each of the image's
const UNIT = 6; // of the screen, for a hidden unit

export default function (room, place) {
  const { encode, decode } = room.about.graphs;
  if (!encode || !decode) throw new Error("it needs the graphs of encode and decode, and one could not be exported.");
  const [channels, height, width] = room.about.space.shape;
  const [units] = room.about.latent;
  let pixels = null; // 0 or 1
  let count = 0;

  const hint = element("p", { className: "hint", textContent:
    "A machine has no way straight to a sample: from black and white noise the chain wanders until it has forgotten where it began, as generate does in 1000 steps. Grey is the probability of a pixel; lit squares are hidden units that are on." });
  const buttons = element("p", { className: "buttons" });
  const shown = element("div", { className: "pair" });
  const image = canvas("Probabilities of the pixels", width, height, PIXEL);
  const hidden = canvas("Hidden units that are on", 25, Math.ceil(units / 25), UNIT);
  const caption = element("p", { className: "caption", textContent: "Nothing is drawn yet." });
  caption.setAttribute("role", "status");
  shown.append(image, hidden);
  place.append(hint, buttons, shown, caption);

  const drawn = (probabilities) => Array.from(probabilities, (p) => Number(Math.random() < p));

  async function steps(n) {
    pixels ??= drawn(Array(channels * height * width).fill(0.5));
    for (let i = 0; i < n; i++) {
      const up = await room.engine.run(encode, { samples: { data: pixels, dims: [1, channels, height, width] } });
      const on = drawn(up.data);
      const down = await room.engine.run(decode, { latents: { data: on, dims: [1, units] } });
      pixels = drawn(down.data);
      count++;
      if (i === n - 1 || i % 10 === 9) paint(down.data, on);
    }
    place.dataset.steps = String(count);
  }

  function paint(probabilities, on) {
    fill(image, probabilities, width, height);
    fill(hidden, on, 25, Math.ceil(units / 25));
    caption.textContent = `Step ${count}: ${on.reduce((a, b) => a + b)} of ${units} hidden units are on`;
  }

  async function act(task) {
    for (const each of buttons.children) each.disabled = true;
    room.tell(null);
    try {
      await task();
    } catch (error) {
      room.tell(error);
    }
    for (const each of buttons.children) each.disabled = false;
  }
  for (const n of STEPS) button(n === 1 ? "One step" : `${n} steps`, () => act(() => steps(n)));
  button("From noise again", () => act(() => {
    pixels = null;
    count = 0;
    return steps(1);
  }));

  function button(words, pressed) {
    const made = element("button", { type: "button", textContent: words });
    made.addEventListener("click", pressed);
    buttons.append(made, " ");
  }
}

const element = (name, properties) => Object.assign(document.createElement(name), properties);

function canvas(label, width, height, times) {
  const made = element("canvas", { width, height });
  made.style.width = `${times * width}px`; // a script may, where an attribute may not
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", label);
  return made;
}

// Numbers in [0, 1] as grey pixels, row after row.
function fill(canvas, values, width, height) {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    image.data.set([255 * (values[i] ?? 0), 255 * (values[i] ?? 0), 255 * (values[i] ?? 0), 255], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
