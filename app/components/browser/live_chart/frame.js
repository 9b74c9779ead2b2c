// The nodes of a chart: words and tools above, the plot, the legend below.

import { button, drawing, element } from "../dom.js";

const FILL = "Full screen";
const LEAVE = "Leave full screen (Escape)";

const ICONS = {
  export: "M8 2v8M4.8 7 8 10.2 11.2 7M2.5 12.5v1h11v-1",
  full: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  back: "M6 2.5V6H2.5M13.5 6H10V2.5M10 13.5V10h3.5M2.5 10H6v3.5",
  drawing: "M2.5 13.5c5 0 6-11 11-11M2.5 2.5h3v3h-3zM10.5 10.5h3v3h-3z",
  reset: "M3 8a5 5 0 1 0 1.6-3.7M4.4 1.8v2.8h2.8",
};

export function buildFrame(root, { reset, fill, png, svg }) {
  const head = element("div", "head");
  const words = element("div", "words");
  const title = button("", "", null);
  title.className = "title";
  const about = element("div", "about"); // what the title means: on a tap as well as where the pointer rests
  about.popover = "auto";
  title.popoverTargetElement = about;
  about.addEventListener("toggle", () => {
    const { left, bottom } = title.getBoundingClientRect();
    about.style.left = `${Math.max(8, Math.min(left, innerWidth - about.offsetWidth - 8))}px`;
    about.style.top = `${bottom + 4}px`;
  });
  const note = element("span", "note");
  words.append(title, note, about);
  const tools = element("div", "tools");
  const resetButton = tool("reset", "Show everything (double click)", reset);
  resetButton.hidden = true;
  const fullButton = tool("full", FILL, fill);
  fullButton.hidden = !document.fullscreenEnabled; // as on some phones
  tools.append(resetButton, fullButton, tool("export", "Save as PNG", png), tool("drawing", "Save as SVG", svg));
  const showFull = (isFull) => label(fullButton, ...(isFull ? ["back", LEAVE] : ["full", FILL]));
  head.append(words, tools);
  const body = element("div", "body");
  const plot = element("div", "plot");
  plot.tabIndex = 0;
  plot.setAttribute("role", "group");
  plot.setAttribute("aria-roledescription", "chart");
  const empty = element("div", "empty");
  const tip = element("div", "tip");
  tip.popover = "manual"; // above all else on the page, and cut off by nothing
  body.append(plot, empty, tip);
  const legend = element("div", "legend");
  const spoken = element("div", "spoken");
  spoken.setAttribute("aria-live", "polite");
  root.replaceChildren(head, body, legend, spoken);
  return { title, note, about, resetButton, showFull, plot, empty, tip, legend, spoken };
}

function tool(icon, words, action) {
  const node = button("", words, action);
  label(node, icon, words);
  return node;
}

function label(node, icon, words) {
  node.title = words;
  node.setAttribute("aria-label", words);
  node.replaceChildren(drawing("", 16, 16, { tag: "path", d: ICONS[icon] }));
}

export function showWords({ title, note, about, empty, plot }, config, isDrawn) {
  const { help, glossary, series, xLabel, yLabel, logY } = config;
  title.textContent = config.title;
  title.title = help;
  title.classList.toggle("term", Boolean(help));
  title.disabled = !help;
  showAbout(about, help, glossary);
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

function showAbout(about, help, { title, address }) {
  if (about.dataset.shown === help + address) return; // else a link would go from under a finger
  about.dataset.shown = help + address;
  about.replaceChildren(element("span", "", help));
  if (!address) return;
  const link = element("a", "", `Glossary: ${title}`);
  link.href = address;
  link.target = "_blank";
  about.append(" ", link);
}
