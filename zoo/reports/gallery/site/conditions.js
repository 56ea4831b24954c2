// What a sample is made from besides noise: a class, attributes, or a text.
import { quoted, word } from "./page.js";

export function conditions(about, place, changed) {
  const { kind } = about.condition;
  if (kind === "label") return about.condition.attributes.length ? attributes(about, place, changed) : labels(about, place, changed);
  if (kind === "text") return texts(about, place, changed);
  return { given: () => null, written: () => ({ python: "", shell: "" }) };
}

const many = (value, rows) => ({ data: Array(rows).fill(value), dims: [rows] });
const asWritten = (text) => ({ python: `, condition=${quoted(text)}`, shell: ` --condition ${word(text)}` });

function labels(about, place, changed) {
  const { classes } = about.condition;
  const select = document.createElement("select");
  select.id = "class";
  select.append(new Option("as the seed draws it", ""), ...classes.map((name, i) => new Option(name, String(i))));
  select.addEventListener("change", changed);
  const label = document.createElement("label");
  label.append("Class ", select);
  place.append(label);
  return {
    given: (port, rows, seed) => many(select.value === "" ? about.labels[seed] : Number(select.value), rows),
    written: (seed) => asWritten(classes[select.value === "" ? about.labels[seed] : Number(select.value)]),
  };
}

// Class k has attribute i if bit i of k is set.
function attributes(about, place, changed) {
  const { attributes: names, classes } = about.condition;
  const field = document.createElement("fieldset");
  field.append(Object.assign(document.createElement("legend"), { textContent: "Attributes" }));
  const boxes = names.map((name) => {
    const box = Object.assign(document.createElement("input"), { type: "checkbox", name });
    const label = document.createElement("label");
    label.className = "check";
    label.append(box, ` ${name}`);
    field.append(label);
    return box;
  });
  let touched = false;
  field.addEventListener("change", () => {
    touched = true;
    changed();
  });
  place.append(field);
  const index = (seed) => (touched ? boxes.reduce((sum, box, i) => sum + (Number(box.checked) << i), 0) : about.labels[seed]);
  return {
    given: (port, rows, seed) => many(index(seed), rows),
    written: (seed) => asWritten(classes[index(seed)]),
    show: (seed) => boxes.forEach((box, i) => (box.checked = Boolean((index(seed) >> i) & 1))),
  };
}

// Words as zoo.texts takes them: runs of letters and digits without regard to case.
function texts(about, place, changed) {
  const input = Object.assign(document.createElement("input"), { type: "text", value: about.condition.example, id: "text" });
  const label = document.createElement("label");
  const said = Object.assign(document.createElement("p"), { className: "hint" });
  label.append("Text ", input);
  place.append(label, said);
  input.addEventListener("change", changed);
  return {
    given(port, rows) {
      const words = input.value.normalize("NFC").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
      if (!words.length || words.length > about.condition.longest) {
        throw new Error(`The text has ${words.length} words; this model takes 1 to ${about.condition.longest}.`);
      }
      const places = words.map((word) => port.vocabulary.indexOf(word));
      const strange = words.filter((_, i) => places[i] < 0);
      said.textContent = strange.length ? `It has not learned: ${strange.join(", ")}.` : "";
      const { first, unknown, end } = port.indices;
      const row = Array.from({ length: about.condition.longest }, (_, i) => (i >= words.length ? end : places[i] < 0 ? unknown : first + places[i]));
      return { data: Array(rows).fill(row).flat(), dims: [rows, about.condition.longest] };
    },
    written: () => asWritten(input.value),
  };
}
