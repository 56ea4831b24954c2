// Search and filters of the hall. The cards themselves are on the page.
const cards = [...document.querySelectorAll("#cards > li")];
const [search, family, dataset, found] = ["search", "family", "dataset", "found"].map((id) => document.getElementById(id));

function filter() {
  const words = search.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  const within = (text, word) => text.includes(word) || (word.endsWith("s") && text.includes(word.slice(0, -1)));
  let count = 0;
  for (const card of cards) {
    const { words: text, family: own, dataset: data } = card.dataset;
    const fits = words.every((word) => within(text, word)) && (!family.value || family.value === own) &&
      (!dataset.value || dataset.value === data);
    card.hidden = !fits;
    count += fits;
  }
  found.textContent = count ? `${count} of ${cards.length}` : "No model fits. Take a word away.";
}

for (const control of [search, family, dataset]) control.addEventListener("input", filter);
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
filter();
addEventListener("pageshow", filter); // also on the way back, when the browser has filled the controls in
