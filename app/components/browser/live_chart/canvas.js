// What is drawn onto uPlot's canvas besides its lines and axes.

import { blanks } from "./lines.js";

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

export function drawMarks(plot, marks, theme) {
  const { ctx, bbox } = plot;
  const size = uPlot.pxRatio;
  ctx.save();
  for (const [x, , kind] of marks) {
    const left = Math.round(plot.valToPos(x, "x", true));
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = theme.marks[kind] ?? theme.muted;
    ctx.lineWidth = size;
    ctx.setLineDash([3 * size, 3 * size]);
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath(); // a small flag at the top says that there is something to read
    ctx.moveTo(left - 4 * size, bbox.top - 6 * size);
    ctx.lineTo(left + 4 * size, bbox.top - 6 * size);
    ctx.lineTo(left, bbox.top + size);
    ctx.fill();
  }
  ctx.restore();
}

// Of the y axis, in CSS pixels.
export function axisWidth({ ctx }, values, font) {
  ctx.save();
  ctx.font = font;
  const widest = Math.max(0, ...(values ?? []).map((text) => ctx.measureText(text ?? "").width));
  ctx.restore();
  return Math.ceil(Math.max(widest, 26)) + 12; // a floor, so that the plot does not shiver as labels change
}

// Title, plot and a legend of the shown lines on one opaque canvas, at the screen's own resolution.
export function imageOf(plot, title, lines, theme, colorOf) {
  const size = uPlot.pxRatio;
  const source = plot.ctx.canvas;
  const canvas = document.createElement("canvas");
  const ctx = canvas.getContext("2d");
  ctx.font = `12px ${theme.font}`;
  const { places, rows } = wrapped(lines.map(({ name }) => ctx.measureText(name).width), source.width / size);
  const top = title ? 30 : 8;
  canvas.width = source.width;
  canvas.height = source.height + (top + 14 + 20 * rows) * size;
  ctx.fillStyle = theme.background;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.drawImage(source, 0, top * size);
  ctx.scale(size, size);
  ctx.fillStyle = theme.text;
  ctx.font = `600 14px ${theme.font}`;
  ctx.fillText(title, 12, 20);
  ctx.font = `12px ${theme.font}`;
  lines.forEach((line, i) => {
    const [x, y] = [places[i][0], top + source.height / size + 16 + 20 * places[i][1]];
    ctx.setLineDash(line.dash);
    ctx.lineWidth = 2;
    ctx.strokeStyle = colorOf(line);
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(x + 24, y);
    ctx.stroke();
    ctx.fillText(line.name, x + 30, y + 4);
  });
  return canvas;
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
