// The film of a run: one slider over its steps, which moves the picture, the line in every chart, and the values.
{
  const find = (id) => document.getElementById(id);
  const about = JSON.parse(find("about").textContent);
  const [left, wide, whole] = about.frame;
  const input = find("step");
  const pictures = about.samples.length ? about.samples : about.fields; // that are played
  const figures = [...document.querySelectorAll(".chart")];
  let timer = null;

  // Of [step, …] in order, the last that is not after `step`; the first if all are.
  function last(rows, step) {
    let found = rows[0];
    for (const row of rows) {
      if (row[0] > step) break;
      found = row;
    }
    return found;
  }

  function show() {
    const step = about.steps[Number(input.value)];
    find("now").textContent = step.toLocaleString("en");
    input.setAttribute("aria-valuetext", `step ${step}`);
    if (about.samples.length) {
      const [drawn, file] = last(about.samples, step);
      find("frame").src = file;
      find("frame").alt = `Samples at step ${drawn}`;
      find("caption").textContent = `Samples at step ${drawn.toLocaleString("en")}, all of one seed`;
    }
    if (about.fields.length) {
      const [drawn, file] = last(about.fields, step);
      find("field").src = file;
      find("field").alt = `Data, samples and what the discriminator says of each place at step ${drawn}`;
      if (!about.samples.length) find("caption").textContent = `Step ${drawn.toLocaleString("en")}`;
    }
    figures.forEach((figure, i) => {
      figure.querySelector(".cursor").setAttribute("transform", `translate(${(step / Math.max(about.last, 1)) * wide} 0)`);
      const outputs = figure.querySelectorAll("output");
      Object.values(about.charts[i]).forEach((curve, k) => {
        const [at, value] = last(curve, step);
        outputs[k].textContent = at > step ? "" : value === null ? "not finite" : String(value);
      });
    });
    document.body.dataset.step = String(step);
  }

  // The place of the slider that is nearest to a step.
  const nearest = (step) => about.steps.reduce((best, each, i) => (Math.abs(each - step) < Math.abs(about.steps[best] - step) ? i : best), 0);

  function go(place) {
    input.value = String(place);
    show();
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    find("play").textContent = "Play";
  }

  function play() {
    if (timer !== null) return pause();
    let at = Number(input.value) >= about.steps.length - 1 ? 0 : pictures.findIndex(([step]) => step > about.steps[input.value]);
    find("play").textContent = "Pause";
    timer = setInterval(() => {
      if (at < 0 || at >= pictures.length) return pause();
      go(nearest(pictures[at++][0]));
    }, 250);
  }

  for (const figure of figures) {
    const svg = figure.querySelector("svg");
    const follow = (event) => {
      const box = svg.getBoundingClientRect();
      const share = (((event.clientX - box.left) / box.width) * whole - left) / wide;
      pause();
      go(nearest(share * about.last));
    };
    svg.addEventListener("pointerdown", follow);
    svg.addEventListener("pointermove", (event) => event.buttons && follow(event));
  }
  input.max = String(about.steps.length - 1);
  input.addEventListener("input", () => {
    pause();
    show();
  });
  find("frame").hidden = !about.samples.length;
  find("field").hidden = find("field-about").hidden = !about.fields.length;
  find("play").hidden = pictures.length < 2;
  find("play").addEventListener("click", play);
  if (!pictures.length) find("caption").textContent = "The run has no pictures of samples.";
  go(about.steps.length - 1);
}
