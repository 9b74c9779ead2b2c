// The table beside the cursor: what every shown line has there, losses by runs, and events. It stands outside the plot.

import { element } from "../dom.js";
import { placeAt } from "./lines.js";
import { number } from "./numbers.js";
import { chip, colorOf, sample } from "./theme.js";
import { sentenceOf } from "./words.js";

const ABOVE = 22; // CSS pixels between a box above the plots and these, for what is written there

// What the lines have at x: `terms` and `owners` in the order of the chart, and `cellAt(term, owner)` with the lines' values
// there and the ends of their band; null where a run has no such loss.
export function tableAt(series, isShown, x, toPixels) {
  const ends = new Map(); // index of a line -> "low" or "high" of a band
  series.forEach((line, i) => {
    if (line.bandTo === null || line.bandTo === undefined) return;
    ends.set(i, "high");
    ends.set(line.bandTo, "low");
  });
  const hasOwners = series.some((line) => line.owner);
  const cells = new Map();
  let closest = null;
  series.forEach((line, i) => {
    if (!isShown(line) || (hasOwners && !line.owner)) return; // the latter: a line that all runs share, as one at 0
    const at = placeAt(line, x, toPixels);
    const key = JSON.stringify([line.term, line.owner]);
    if (!cells.has(key)) cells.set(key, { line, values: [] });
    if (at === null) return;
    const cell = cells.get(key);
    if (closest === null || Math.abs(line.x[at] - x) < Math.abs(closest - x)) closest = line.x[at];
    if (ends.has(i)) cell[ends.get(i)] = line.y[at];
    else cell.values.push({ y: line.y[at], width: line.width });
    if (line.width > cell.line.width) cell.line = line;
  });
  const keys = [...cells.keys()].map((key) => JSON.parse(key));
  return {
    terms: [...new Set(keys.map(([term]) => term))],
    owners: [...new Set(keys.map(([, owner]) => owner))],
    isEmpty: closest === null,
    closest: closest ?? x,
    cellAt: (term, owner) => cells.get(JSON.stringify([term, owner])) ?? null,
  };
}

// "0.3312", with what pale lines have "0.3312 (0.3105)", with the ends of a band "0.3312 (0.31 to 0.35)"; a dash where there is nothing.
export function wordsOf(cell, unit) {
  if (!cell?.values.length) return "–";
  const [{ y }, ...others] = [...cell.values].sort((a, b) => b.width - a.width); // pale lines are narrower
  const value = number(y) + others.map((other) => ` (${number(other.y)})`).join("");
  const band = cell.low === undefined || cell.high === undefined
    ? ""
    : ` (${Number(cell.low.toPrecision(3))} to ${Number(cell.high.toPrecision(3))})`;
  return `${value}${unit ? ` ${unit}` : ""}${band}`;
}

// Fills the box of a chart and places it, or hides it where there is nothing to say.
export function showTip(chart, plot) {
  const { config, nodes, panels, theme } = chart;
  const { left } = plot.cursor;
  if (left === null || left === undefined || left < 0) {
    chart.hideTip();
    return;
  }
  const toPixels = (x) => plot.valToPos(x, "x");
  const x = plot.posToVal(left, "x");
  const events = config.marks.filter((mark) => Math.abs(toPixels(mark[0]) - left) <= 6);
  const table = { ...tableAt(config.series, chart.isShown, x, toPixels), hasDashes: panels.isAlone };
  if (table.isEmpty && !events.length) {
    chart.hideTip();
    return;
  }
  const { tip } = nodes;
  const draw = (isByRun) =>
    tip.replaceChildren(grid(table, config, theme, isByRun), ...events.map((mark) => eventRow(mark, theme)));
  const isByRun = table.owners.length < table.terms.length; // as few rows as can be
  draw(isByRun);
  if (!tip.matches(":popover-open")) tip.showPopover();
  const room = nodes.plot.getBoundingClientRect();
  if (tip.offsetWidth > Math.max(room.width, 320)) draw(!isByRun);
  if (!place(tip, room, panels, chart.leader)) chart.hideTip();
}

function eventRow(mark, theme) {
  const [at, , kind] = mark;
  const node = element("div", "event");
  node.style.setProperty("--kind", theme.marks[kind] ?? theme.muted);
  node.append(element("span", "", `${sentenceOf(mark)} (${number(at)})`));
  return node;
}

// A row per run, or a row per loss; the step stands in the corner.
function grid(table, { xLabel, yLabel, yUnit }, theme, isByRun) {
  const node = element("table");
  const [down, across] = isByRun ? [table.owners, table.terms] : [table.terms, table.owners];
  const cellAt = (one, other) => isByRun ? table.cellAt(other, one) : table.cellAt(one, other);
  const head = element("tr");
  head.append(element("th", "at", `${xLabel} ${number(table.closest)}`));
  for (const name of across) head.append(heading(name, yLabel, table, theme, isByRun));
  node.append(head);
  for (const name of down) {
    const row = element("tr");
    row.append(heading(name, yLabel, table, theme, !isByRun));
    for (const other of across) row.append(element("td", "value", wordsOf(cellAt(name, other), yUnit)));
    node.append(row);
  }
  return node;
}

// With the colour of a loss, or the line of a run.
function heading(name, yLabel, table, theme, isTerm) {
  const node = element("th", "name");
  const words = name.trim() || yLabel;
  node.title = words;
  const picture = isTerm ? pictureOfTerm(name, table, theme) : pictureOfRun(name, table, theme);
  if (picture) node.append(picture);
  node.append(element("span", "", words));
  return node;
}

function pictureOfTerm(name, { terms, owners, cellAt }, theme) {
  const line = cellAt(name, owners.find((owner) => cellAt(name, owner))).line;
  if (owners.length === 1) return sample(colorOf(line, theme), line);
  return terms.length > 1 ? chip(colorOf(line, theme)) : null;
}

function pictureOfRun(name, { terms, owners, cellAt, hasDashes }, theme) {
  if (!hasDashes || owners.length === 1) return null;
  const line = cellAt(terms.find((term) => cellAt(term, name)), name).line;
  return sample(terms.length > 1 ? theme.text : colorOf(line, theme), line);
}

// Below the plots, over the numbers of their axis and the legend; above them where there is no room below. Never upon them,
// nor, where the cursor is that of another chart, upon this `leader`: whether there is such a place.
function place(tip, room, panels, leader) {
  const boxes = panels.all.map(({ plot }) => plot.over.getBoundingClientRect());
  const [top, bottom] = [Math.min(...boxes.map((box) => box.top)), Math.max(...boxes.map((box) => box.bottom))];
  const isBelow = bottom + tip.offsetHeight + 6 <= innerHeight || top < tip.offsetHeight + ABOVE;
  tip.style.top = `${isBelow ? bottom + 3 : top - tip.offsetHeight - ABOVE}px`;
  tip.style.left = `${Math.max(4, Math.min(room.left + 4, innerWidth - tip.offsetWidth - 4))}px`;
  if (!leader) return true;
  const [one, other] = [tip.getBoundingClientRect(), leader.root.getBoundingClientRect()];
  const isApart = one.right <= other.left || other.right <= one.left || one.bottom <= other.top ||
    other.bottom <= one.top;
  return isApart && one.bottom <= innerHeight;
}
