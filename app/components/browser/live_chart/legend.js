// The entries of a legend, which hide and show lines.

import { button, element } from "../dom.js";
import { firstOfEach } from "./lines.js";
import { chip, colorOf, sample } from "./theme.js";

// Terms by colour and runs by dash where both tell lines apart; one list otherwise. `hidden`: names by field, which a
// click changes before `changed` is called.
export function legendOf({ series, about, legend }, theme, hidden, changed) {
  const terms = firstOfEach(series, "term");
  const runs = firstOfEach(series, "run").filter((line) => line.run);
  const byRun = runs.length > 1;
  const byTerm = terms.length > 1;
  const parts = [];
  if (byTerm || !byRun) {
    const picture = (line) => (byRun ? chip(colorOf(line, theme)) : sample(colorOf(line, theme), line));
    const entries = terms.map((line) => ({ name: line.term, about: about[line.term], picture: picture(line) }));
    parts.push(part("Terms shown", entries, hidden.term, changed));
  }
  if (byRun && legend !== "term") {
    const color = (line) => (byTerm ? ink(line) : colorOf(line, theme));
    const entries = runs.map((line) => ({ name: line.run, about: "", picture: sample(color(line), line) }));
    parts.push(part("Runs shown", entries, hidden.run, changed));
  }
  return parts;
}

// Of runs told apart by dash alone: a narrow line is a pale one in the chart.
const ink = ({ width }) => (width < 1.5 ? "color-mix(in srgb, currentColor 45%, transparent)" : "currentColor");

function part(label, entries, hidden, changed) {
  const node = element("div", "part");
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", label);
  for (const { name, about, picture } of entries) {
    const title = [about, `Click to show or hide ${name}.`].filter(Boolean).join(" ");
    const entry = button("", title, () => {
      if (!hidden.delete(name)) hidden.add(name);
      entry.setAttribute("aria-pressed", String(!hidden.has(name)));
      changed();
    });
    entry.setAttribute("aria-pressed", String(!hidden.has(name)));
    entry.append(picture, element("span", "", name));
    node.append(entry);
  }
  return node;
}
