// Tunes of a model of melodies, as Python drew them: a piano roll of each, and its sound, made here note by note.
const [WIDTH, SEMITONE, MARGIN] = [720, 8, 3]; // pixels, and semitones above and below
const FAINT = 0.35; // how light the softest note is

export default async function (room, place) {
  const answer = await fetch(new URL("tunes.json", import.meta.url));
  if (!answer.ok) throw new Error(`its tunes could not be loaded: the server says ${answer.status}.`);
  const about = await answer.json();
  let playing = null; // its context and source, and when it began

  const hint = element("p", { className: "hint", textContent:
    "The first tune of each seed, drawn by Python. Time goes from left to right and pitch upwards; a line is a C, and there is one every four quarters." });
  const buttons = element("p", { className: "buttons" });
  const seed = element("input", { type: "number", min: 0, max: about.tunes.length - 1, value: 0 });
  const label = element("label", { textContent: "Seed " });
  label.append(seed);
  const another = element("button", { type: "button", textContent: "Another" });
  const play = element("button", { type: "button", className: "main", textContent: "Play" });
  buttons.append(label, " ", another, " ", play);
  const roll = element("canvas", { width: WIDTH });
  roll.setAttribute("role", "img");
  const caption = element("p", { className: "caption" });
  caption.setAttribute("role", "status");
  place.append(hint, buttons, roll, caption);

  const chosen = () => Math.min(about.tunes.length - 1, Math.max(0, Math.floor(Number(seed.value) || 0)));

  function show() {
    stop();
    seed.value = String(chosen());
    const notes = about.tunes[chosen()];
    paint(roll, notes, about, null);
    const said = `${notes.length} notes, ${Math.round(lasts(notes, about))} seconds`;
    roll.setAttribute("aria-label", `Piano roll of the tune of seed ${chosen()}: ${said}`);
    caption.textContent = `Seed ${chosen()}: ${said}`;
    room.code([`tune = model.generate(1, seed=${chosen()})`], `zoo generate ${room.about.load} -n 1 --seed ${chosen()} --out tune.mid`);
  }

  function stop() {
    if (!playing) return;
    const { context } = playing;
    playing = null;
    context.close();
    play.textContent = "Play";
    delete place.dataset.playing;
    paint(roll, about.tunes[chosen()], about, null);
  }

  function start() {
    room.tell(null);
    if (typeof AudioContext !== "function") throw new Error("This browser makes no sound of its own. Another one can; or write the tune to a file, by the command below.");
    const notes = about.tunes[chosen()];
    const sound = heard(notes, about);
    const context = new AudioContext();
    const buffer = context.createBuffer(1, sound.length, about.rate);
    buffer.copyToChannel(sound, 0);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    const own = (playing = { context, began: context.currentTime });
    source.onended = () => playing === own && stop();
    source.start();
    play.textContent = "Stop";
    place.dataset.playing = String(chosen());
    const follow = () => {
      if (playing !== own) return;
      paint(roll, notes, about, (context.currentTime - own.began) * about.ticks);
      requestAnimationFrame(follow);
    };
    follow();
  }

  play.addEventListener("click", () => {
    try {
      if (playing) stop();
      else start();
    } catch (error) {
      room.tell(error);
    }
  });
  another.addEventListener("click", () => {
    seed.value = String((chosen() + 1) % about.tunes.length);
    show();
  });
  seed.addEventListener("change", show);
  show();
}

const element = (name, properties) => Object.assign(document.createElement(name), properties);
const ends = (notes) => Math.max(...notes.map(([, start, duration]) => start + duration));
const lasts = (notes, { ticks, release }) => ends(notes) / ticks + release;

// The nearest whole number; of two as near the even one, as Python's round has it.
const nearest = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

// The sound of a tune, as zoo_sequences.sound.heard makes it, with its loudest number at `loud`.
export function heard(notes, about) {
  const { ticks, rate, harmonics, fade, edge, loud } = about;
  const total = new Float32Array(nearest(lasts(notes, about) * rate));
  for (const [pitch, start, duration, velocity] of notes) {
    const [first, length, base] = [nearest((start / ticks) * rate), duration / ticks, 440 * 2 ** ((pitch - 69) / 12)];
    for (let i = 0; i < Math.max(1, nearest(length * rate)) && first + i < total.length; i++) {
      const time = i / rate;
      const wave = harmonics.reduce((sum, strength, k) => (base * (k + 1) < rate / 2 ? sum + strength * Math.sin(2 * Math.PI * base * (k + 1) * time) : sum), 0);
      total[first + i] += wave * Math.exp(-time / fade) * Math.min(1, time / edge) * Math.min(1, Math.max(0, (length - time) / edge)) * (velocity / 127);
    }
  }
  const most = total.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9);
  return total.map((x) => (x / most) * loud);
}

// Notes as bars, those that sound at `now`, in ticks, in another colour.
function paint(canvas, notes, { bar }, now) {
  const pitches = notes.map(([pitch]) => pitch);
  const [low, high, longest] = [Math.min(...pitches) - MARGIN, Math.max(...pitches) + MARGIN, ends(notes)];
  canvas.height = SEMITONE * (high - low + 1);
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const [across, top] = [WIDTH / longest, (pitch) => SEMITONE * (high - pitch)];
  context.fillStyle = style.getPropertyValue("--field");
  context.fillRect(0, 0, WIDTH, canvas.height);
  context.fillStyle = style.getPropertyValue("--line");
  for (let pitch = 12 * Math.ceil(low / 12); pitch <= high; pitch += 12) context.fillRect(0, top(pitch) + SEMITONE - 1, WIDTH, 1);
  for (let time = 0; time < longest; time += bar) context.fillRect(Math.round(time * across), 0, 1, canvas.height);
  for (const [pitch, start, duration, velocity] of notes) {
    const sounds = now !== null && now >= start && now < start + duration;
    context.fillStyle = style.getPropertyValue(sounds ? "--accent" : "--ink");
    context.globalAlpha = sounds ? 1 : FAINT + (1 - FAINT) * (velocity / 127);
    context.fillRect(start * across, top(pitch), Math.max(2, duration * across - 1), SEMITONE);
  }
  context.globalAlpha = 1;
}
