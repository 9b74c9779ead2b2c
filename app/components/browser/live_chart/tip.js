// The box beside the cursor: values of the lines there, and events.

import { element } from "../dom.js";
import { placeAt } from "./lines.js";
import { number } from "./numbers.js";
import { colorOf, sample } from "./theme.js";

// What the lines have at x: the `room` of them that come next to the pointer, in the order of the chart.
export function rowsAt(series, x, toPixels, { room, distance }) {
  const rows = [];
  for (const line of series) {
    const i = placeAt(line, x, toPixels);
    if (i !== null) rows.push({ line, x: line.x[i], y: line.y[i] });
  }
  const more = Math.max(0, rows.length - room);
  if (!more) return { rows, more };
  const kept = new Set([...rows].sort((a, b) => distance(a) - distance(b)).slice(0, room));
  return { rows: rows.filter((row) => kept.has(row)), more };
}

// The x of the rows that is nearest to the cursor's.
export const closestTo = (x, rows) =>
  rows.reduce((best, row) => (Math.abs(row.x - x) < Math.abs(best - x) ? row.x : best), rows[0]?.x ?? x);

// Fills and places `tip`, or hides it where there is nothing to say. `frame`: the node around the plot.
export function showTip(tip, frame, plot, config, theme, isShown) {
  const { left, top } = plot.cursor;
  tip.hidden = left === null || left === undefined || left < 0;
  if (tip.hidden) return;
  const { series, xLabel, yLabel, yUnit, marks } = config;
  const around = frame.getBoundingClientRect();
  const isNarrow = around.width < 480; // a phone: leave some of the plot to be seen
  const toPixels = (x) => plot.valToPos(x, "x");
  const x = plot.posToVal(left, "x");
  const events = marks.filter((mark) => Math.abs(toPixels(mark[0]) - left) <= 6);
  const high = Math.floor((plot.over.clientHeight - 40) / 16);
  const { rows, more } = rowsAt(series.filter(isShown), x, toPixels, {
    room: Math.max(2, Math.min(isNarrow ? 8 : 24, high) - events.length),
    distance: (row) => Math.abs(plot.valToPos(row.y, "y") - top),
  });
  if (!rows.length && !events.length) {
    tip.hidden = true;
    return;
  }
  const nodes = [element("div", "at", `${xLabel} ${number(closestTo(x, rows))}${isNarrow ? "" : ` · ${yLabel}`}`)];
  for (const { line, y } of rows) {
    const node = element("div", "row");
    node.append(sample(colorOf(line, theme), line), element("span", "name", line.name));
    node.append(element("span", "value", yUnit ? `${number(y)} ${yUnit}` : number(y)));
    nodes.push(node);
  }
  if (more) nodes.push(element("div", "at", `and ${more} more`));
  for (const [at, text, kind] of events) {
    const node = element("div", "event");
    node.style.setProperty("--kind", theme.marks[kind] ?? theme.muted);
    node.append(element("span", "", `${text} (${number(at)})`));
    nodes.push(node);
  }
  tip.replaceChildren(...nodes);
  place(tip, around, plot, left);
}

// To the right of the cursor where there is room, else to its left.
function place(tip, around, plot, left) {
  const box = plot.over.getBoundingClientRect();
  const at = box.left - around.left + left;
  const space = around.width - tip.offsetWidth;
  const across = at + 14 <= space ? at + 14 : at - 14 - tip.offsetWidth;
  tip.style.transform = `translate(${Math.max(0, Math.min(across, space))}px, ${box.top - around.top + 4}px)`;
}
