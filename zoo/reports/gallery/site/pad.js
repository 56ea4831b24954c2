// A plane and sliders over directions of latent space. All are in units of a direction's spread over samples; what is
// moved is told as a change, and what `show` is given is where a sample lies.

export const REACH = 3;

export function pad(about, canvas, place, moved) {
  const inputs = about.sliders.map(({ label }, i) => {
    const row = document.createElement("label");
    row.className = "slider";
    const input = Object.assign(document.createElement("input"), { type: "range", min: -REACH, max: REACH, step: 0.05, value: 0 });
    const output = document.createElement("output");
    row.append(Object.assign(document.createElement("span"), { textContent: label }), " ", input, " ", output);
    input.addEventListener("input", () => moveTo(i, Number(input.value)));
    return { row, input, output };
  });
  // Those with names first; the plane is of the others.
  const rows = (named) => inputs.filter((_, i) => about.sliders[i].named === named).map(({ row }) => row);
  place.append(...rows(true), ...rows(false));
  let places = inputs.map(() => 0);
  const map = about.map ? new Image() : null; // what each place decodes to, which Python has drawn
  if (map) {
    map.onload = () => {
      [canvas.width, canvas.height] = [map.naturalWidth, map.naturalHeight];
      canvas.classList.add("map");
      document.getElementById("map-about").hidden = false;
      paint();
    };
    map.src = "map.webp";
  }

  function moveTo(i, value) {
    const change = value - places[i];
    places[i] = value;
    paint();
    moved(i, change);
  }

  function paint() {
    places.forEach((value, i) => {
      inputs[i].input.value = String(value);
      inputs[i].output.textContent = (Math.round(10 * value) / 10 || 0).toFixed(1); // and no -0.0
    });
    if (inputs.length < 2) return;
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    const style = getComputedStyle(canvas);
    const at = (value, side) => ((Math.max(-REACH, Math.min(REACH, value)) + REACH) / (2 * REACH)) * side;
    context.clearRect(0, 0, width, height);
    if (map?.complete && map.naturalWidth) context.drawImage(map, 0, 0, width, height);
    context.strokeStyle = style.getPropertyValue("--line");
    context.lineWidth = 1;
    for (const radius of [1, 2, 3]) {
      context.beginPath();
      context.arc(width / 2, height / 2, (radius / REACH) * (width / 2 - 1), 0, 2 * Math.PI);
      context.stroke();
    }
    context.beginPath();
    context.moveTo(0, height / 2);
    context.lineTo(width, height / 2);
    context.moveTo(width / 2, 0);
    context.lineTo(width / 2, height);
    context.stroke();
    context.fillStyle = style.getPropertyValue("--accent");
    context.beginPath();
    context.arc(at(places[0], width), height - at(places[1], height), 7, 0, 2 * Math.PI);
    context.fill();
  }

  canvas.hidden = inputs.length < 2;
  const follow = (event) => {
    const box = canvas.getBoundingClientRect();
    const at = (share) => Math.max(-REACH, Math.min(REACH, (2 * share - 1) * REACH));
    moveTo(0, at((event.clientX - box.left) / box.width));
    moveTo(1, -at((event.clientY - box.top) / box.height));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && follow(event));
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [0, -0.2], ArrowRight: [0, 0.2], ArrowDown: [1, -0.2], ArrowUp: [1, 0.2] }[event.key];
    if (!steps) return;
    event.preventDefault();
    moveTo(steps[0], places[steps[0]] + steps[1]);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  return {
    to(x, y) {
      moveTo(0, x);
      moveTo(1, y);
    },
    show(values) {
      places = values;
      paint();
    },
  };
}
