// The nodes of a chart: words and tools above, the plot, the legend below.

import { button, drawing, element } from "../dom.js";

const ICONS = {
  export: "M8 2v8M4.8 7 8 10.2 11.2 7M2.5 12.5v1h11v-1",
  reset: "M2.5 6V2.5H6M13.5 10v3.5H10M13.5 6V2.5H10M2.5 10v3.5H6",
};

export function buildFrame(root, { reset, save }) {
  const head = element("div", "head");
  const words = element("div", "words");
  const title = element("span", "title");
  const note = element("span", "note");
  words.append(title, note);
  const tools = element("div", "tools");
  const resetButton = tool("reset", "Show everything (double click)", reset);
  resetButton.hidden = true;
  tools.append(resetButton, tool("export", "Save as PNG", save));
  head.append(words, tools);
  const body = element("div", "body");
  const plot = element("div", "plot");
  plot.tabIndex = 0;
  plot.setAttribute("role", "group");
  plot.setAttribute("aria-roledescription", "chart");
  const empty = element("div", "empty");
  const tip = element("div", "tip");
  tip.hidden = true;
  body.append(plot, empty, tip);
  const legend = element("div", "legend");
  const spoken = element("div", "spoken");
  spoken.setAttribute("aria-live", "polite");
  root.replaceChildren(head, body, legend, spoken);
  return { title, note, resetButton, plot, empty, tip, legend, spoken };
}

function tool(icon, label, action) {
  const node = button("", label, action);
  node.setAttribute("aria-label", label);
  node.append(drawing("", 16, 16, { tag: "path", d: ICONS[icon] }));
  return node;
}

export function showWords({ title, note, empty, plot }, config, isDrawn) {
  const { help, series, xLabel, yLabel, logY } = config;
  title.textContent = config.title;
  title.title = help;
  title.classList.toggle("term", Boolean(help));
  note.textContent = note.title = isDrawn ? config.note : "";
  const isNegative = logY && series.some((line) => line.y.length);
  empty.textContent = config.note || (isNegative ? "No positive values to draw on a log axis" : "No data yet");
  empty.hidden = isDrawn;
  plot.setAttribute(
    "aria-label",
    `${config.title || yLabel}: ${yLabel} by ${xLabel}, ${series.length} lines. ${help} ` +
      "Arrow keys read values, plus and minus zoom, Escape shows everything." +
      (config.picks ? " Enter chooses the step." : ""),
  );
}
