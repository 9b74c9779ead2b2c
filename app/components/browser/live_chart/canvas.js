// What is drawn onto uPlot's canvas besides its lines and axes.

import { blanks, firstOfEach, nearest } from "./lines.js";
import { colorOf } from "./theme.js";
import { sentenceOf } from "./words.js";

// Dashes of a noisy line melt into its zigzag when they follow the path, so here they follow x: the line is cut into
// stripes, and what lies between them is drawn faintly (see `drawFaint`), lest a spike of one step fall into a gap unseen.
export function dashedPaths(plot, paths, dash) {
  const { left, top, width, height } = plot.bbox;
  const lengths = dash.map((length) => length * uPlot.pxRatio);
  const gaps = blanks(paths.gaps ?? [], lengths, left, left + width);
  return { ...paths, clip: uPlot.clipGaps(gaps, 0, left, top, width, height) };
}

// The whole line, as `paths` had it before it was cut.
export function drawFaint({ ctx, bbox }, paths, color, width) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  if (paths.clip) ctx.clip(paths.clip);
  ctx.globalAlpha = 0.28;
  ctx.strokeStyle = color;
  ctx.lineWidth = width * uPlot.pxRatio;
  ctx.setLineDash([]);
  ctx.stroke(paths.stroke);
  ctx.restore();
}

// A mark of all runs of a plot is a line through it; one of some runs stands upon their lines alone. What changed is
// written above, where there is room, the latest first.
export function drawMarks(plot, panel, { config, theme }) {
  const { ctx, bbox } = plot;
  const size = uPlot.pxRatio;
  ctx.save();
  ctx.font = `${10.5 * config.text * size}px ${theme.font}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  let free = Infinity; // where the words of the mark after it begin
  for (const mark of [...panel.marks].sort((a, b) => b[0] - a[0])) {
    const [x, , kind] = mark;
    const left = Math.round(plot.valToPos(x, "x", true));
    if (left < bbox.left - 1 || left > bbox.left + bbox.width + 1) continue; // rounded, it may be just outside
    ctx.strokeStyle = ctx.fillStyle = theme.marks[kind] ?? theme.muted;
    ctx.lineWidth = size;
    ctx.setLineDash([3 * size, 3 * size]);
    const lines = linesOf(mark, panel);
    for (const line of lines) dot(ctx, left, lineHeight(plot, line, x), 4 * size);
    if (!lines.length) {
      ctx.beginPath();
      ctx.moveTo(left, bbox.top);
      ctx.lineTo(left, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.beginPath(); // a small flag at the top says that there is something to read
    ctx.moveTo(left - 4 * size, bbox.top - 6 * size);
    ctx.lineTo(left + 4 * size, bbox.top - 6 * size);
    ctx.lineTo(left, bbox.top + size);
    ctx.fill();
    const place = placeOfWords(ctx.measureText(wordsOf(mark, panel)).width, left, 7 * size, {
      first: bbox.left,
      end: Math.min(free, bbox.left + bbox.width + 1),
    });
    if (place === null) continue;
    ctx.fillText(wordsOf(mark, panel), place, bbox.top - 3 * size);
    free = Math.min(place, left - 4 * size) - 6 * size;
  }
  ctx.restore();
}

// The lines that a mark of some runs stands on; none where it is of all runs that are drawn.
export function linesOf([, , , owners], { isAlone, lines }) {
  return isAlone && owners.length ? lines.filter((line) => owners.includes(line.owner)) : [];
}

// What is written of a mark: a plot of one run need not say of which.
export const wordsOf = (mark, { isAlone }) => (isAlone ? sentenceOf(mark) : mark[1]);

// Left end of words `width` wide beside a flag, to its right or else to its left; null where they would reach beyond.
export function placeOfWords(width, flag, gap, { first, end }) {
  if (flag + gap + width <= end) return flag + gap;
  return flag - gap - width >= first && flag <= end ? flag - gap - width : null;
}

function lineHeight(plot, { x: xs, y: ys }, x) {
  const value = xs.length ? ys[nearest(xs, x)] : null;
  return value === null ? NaN : plot.valToPos(value, "y", true);
}

function dot(ctx, left, top, radius) {
  if (!Number.isFinite(top)) return;
  ctx.beginPath();
  ctx.moveTo(left, top - radius);
  ctx.lineTo(left + radius, top);
  ctx.lineTo(left, top + radius);
  ctx.lineTo(left - radius, top);
  ctx.fill();
}

// Of the y axis, in CSS pixels.
export function axisWidth({ ctx }, values, font) {
  ctx.save();
  ctx.font = font;
  const widest = Math.max(0, ...(values ?? []).map((text) => ctx.measureText(text ?? "").width));
  ctx.restore();
  return Math.ceil(Math.max(widest, 26)) + 12; // a floor, so that the plot does not shiver as labels change
}

// Title, plots and a legend of the shown lines on one opaque canvas, at the screen's own resolution.
export function imageOf({ config, nodes, panels, theme }, title, lines) {
  const size = uPlot.pxRatio;
  const area = nodes.plot.getBoundingClientRect();
  const entries = entriesOf(lines, panels);
  const canvas = document.createElement("canvas");
  const ctx = canvas.getContext("2d");
  ctx.font = `12px ${theme.font}`;
  const { places, rows } = wrapped(entries.map(({ name }) => ctx.measureText(name).width), area.width);
  const top = title ? 30 : 8;
  canvas.width = area.width * size;
  canvas.height = (top + area.height + 14 + 20 * rows) * size;
  ctx.fillStyle = theme.background;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.scale(size, size);
  for (const { plot, owner, isAlone } of panels.all) {
    const box = plot.root.getBoundingClientRect();
    const [left, above] = [box.left - area.left, top + box.top - area.top];
    ctx.drawImage(plot.ctx.canvas, left, above, box.width, box.height);
    ctx.fillStyle = theme.text;
    ctx.font = `600 12px ${theme.font}`;
    if (!isAlone) ctx.fillText(owner, left + plot.bbox.left / size, above - 4);
  }
  ctx.fillStyle = theme.text;
  ctx.font = `600 14px ${theme.font}`;
  ctx.fillText(title, 12, 20);
  ctx.font = `12px ${theme.font}`;
  if (!panels.isAlone) ctx.fillText(config.xLabel, 12, top + area.height - 4);
  entries.forEach(({ name, line, dash }, i) => {
    const [x, y] = [places[i][0], top + area.height + 16 + 20 * places[i][1]];
    ctx.setLineDash(dash);
    ctx.lineWidth = 2;
    ctx.strokeStyle = colorOf(line, theme);
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(x + 24, y);
    ctx.stroke();
    ctx.fillText(name, x + 30, y + 4);
  });
  return canvas;
}

// What the legend of a saved chart lists: every line, or every loss where each run has a plot of its own.
export function entriesOf(lines, { isAlone }) {
  if (isAlone) return lines.map((line) => ({ name: line.name, line, dash: line.dash }));
  return firstOfEach(lines, "term").map((line) => ({ name: line.term, line, dash: [] }));
}

// Entries side by side in as many rows as they need: left end and row of each.
export function wrapped(widths, width) {
  let [left, row] = [12, 0];
  const places = widths.map((each) => {
    const wide = 44 + each;
    if (left + wide > width && left > 12) [left, row] = [12, row + 1];
    const place = [left, row];
    left += wide;
    return place;
  });
  return { places, rows: row + 1 };
}
