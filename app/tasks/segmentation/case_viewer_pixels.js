// Pixels of the viewer of a case: what a panel predicts, how that scores, and how it is coloured.

import { element } from "../../components/browser/dom.js";
import { readMessage } from "../../components/browser/message.js";

export const GREY = [128, 128, 128];
export const HEAT = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]]; // inferno

export const between = (low, value, high) => Math.min(high, Math.max(low, value));
export const css = (color, alpha = 1) => `rgba(${color[0]},${color[1]},${color[2]},${alpha})`;
export const score = (value) => (Number.isNaN(value) ? "–" : value.toFixed(3));

// See `pack` in case_viewer.py.
export function unpack(message) {
  const { header, columnAt } = readMessage(message);
  return { ...header, columns: header.columns.map(([offset, count]) => columnAt(Uint8Array, offset, count)) };
}

export function canvasOf(width, height, fill) {
  const canvas = element("canvas");
  canvas.width = width;
  canvas.height = height;
  const ctx = canvas.getContext("2d");
  const pixels = ctx.createImageData(width, height);
  fill(pixels.data);
  ctx.putImageData(pixels, 0, 0);
  return canvas;
}

// What of 0..255 each grey value is shown as: black and white at the ends of the window around the level, both as shares;
// then so many times as bright.
export function greyTable({ window, level, brightness }) {
  const low = 255 * (level - window / 2);
  const within = Uint8ClampedArray.from({ length: 256 }, (_, value) => (255 * (value - low)) / (255 * window));
  return within.map((value) => between(0, Math.round(brightness * value), 255));
}

// The line around all cells of a mask, along the edges of its pixels.
export function outlineOf(mask, { width, height }) {
  const path = new Path2D();
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : mask[y * width + x]);
  for (const across of [true, false]) {
    const [lines, length] = across ? [height, width] : [width, height];
    for (let line = 0; line <= lines; line += 1) {
      let start = -1;
      for (let i = 0; i <= length; i += 1) {
        const isEdge = i < length && (across ? at(i, line - 1) !== at(i, line) : at(line - 1, i) !== at(line, i));
        if (isEdge && start < 0) start = i;
        if (!isEdge && start >= 0) {
          const [x1, y1, x2, y2] = across ? [start, line, i, line] : [line, start, line, i];
          path.moveTo(x1, y1);
          path.lineTo(x2, y2);
          start = -1;
        }
      }
    }
  }
  return path;
}

export function heatColor(share) {
  const place = share * (HEAT.length - 1);
  const low = Math.min(HEAT.length - 2, Math.floor(place));
  return HEAT[low].map((value, i) => value + (HEAT[low + 1][i] - value) * (place - low));
}

// Classes (0 the first after the background) that are shown and scored.
export function chosenClasses(classes, classIndex) {
  return classIndex < 0 ? classes.map((_, i) => i) : [classIndex];
}

// Of a panel, for the chosen class: `mask` (0 or 1), and 0..255 `levels` of probability where there are any. As
// dmf.probabilities.found has it: a pixel is found where all classes together reach the threshold, and then belongs
// to the likeliest.
export function predicted(panel, { columns, classes, epochs, grids }, { threshold, classIndex, epochAt }) {
  const { width, height } = grids[panel.grid] ?? {};
  const [cells, chosen] = [width * height, chosenClasses(classes, classIndex)];
  if (panel.kind === "probability") {
    const all = columns[panel.column];
    const lowest = threshold * 255;
    const mask = new Uint8Array(cells);
    const levels = new Uint8Array(cells);
    for (let i = 0; i < cells; i += 1) {
      let [sum, likeliest, shown] = [0, 0, 0];
      for (let k = 0; k < classes.length; k += 1) {
        const value = all[k * cells + i];
        sum += value;
        if (value > all[likeliest * cells + i]) likeliest = k;
        if (chosen.length > 1 || chosen[0] === k) shown += value;
      }
      levels[i] = Math.min(255, shown);
      mask[i] = Number(Math.min(255, sum) >= lowest && (chosen.length > 1 || likeliest === chosen[0]));
    }
    return { mask, levels };
  }
  if (panel.kind === "labels") return { mask: fromLabels(columns[panel.column], chosen) };
  if (panel.kind === "epochs") {
    const reached = panel.frames.filter(([at]) => at <= epochs[epochAt]);
    if (!reached.length) return null;
    const [at, column] = reached[reached.length - 1];
    const bits = columns[column];
    const mask = new Uint8Array(cells);
    for (const k of chosen) {
      for (let i = 0; i < cells; i += 1) {
        const bit = k * cells + i;
        mask[i] |= (bits[bit >> 3] >> (7 - (bit & 7))) & 1;
      }
    }
    return { mask, at };
  }
  return null;
}

export function fromLabels(labels, chosen) {
  const wanted = new Set(chosen.map((k) => k + 1));
  return Uint8Array.from(labels, (label) => Number(wanted.has(label)));
}

const VOID = 255; // dmf.records.IGNORE

// Grey stripes over pixels that count nowhere; null where there are none.
export function voidOf(labels, { width, height }) {
  if (!labels.includes(VOID)) return { isVoid: null, stripes: null };
  const isVoid = Uint8Array.from(labels, (label) => Number(label === VOID));
  const striped = isVoid.map((value, i) => Number(value && ((i % width) + Math.floor(i / width)) % 4 < 2));
  return { isVoid, stripes: tinted(striped, { width, height }, () => GREY, 0.6) };
}

export function tinted(values, { width, height }, colorOf, opacity, everywhere = false) {
  const colors = new Map();
  return canvasOf(width, height, (data) => {
    for (let i = 0; i < width * height; i += 1) {
      const value = values[i];
      if (!value && !everywhere) continue;
      if (!colors.has(value)) colors.set(value, colorOf(value));
      const color = colors.get(value);
      data[4 * i] = color[0];
      data[4 * i + 1] = color[1];
      data[4 * i + 2] = color[2];
      data[4 * i + 3] = 255 * opacity;
    }
  });
}

// `isVoid`: 1 where nobody said what there is, so that nothing counts; null where that is nowhere.
export function count(mask, truth, isVoid, whenAbsent) {
  let [tp, fp, fn] = [0, 0, 0];
  for (let i = 0; i < mask.length; i += 1) {
    if (isVoid && isVoid[i]) continue;
    if (mask[i]) truth[i] ? (tp += 1) : (fp += 1);
    else if (truth[i]) fn += 1;
  }
  const absent = { one: 1, zero: 0, ignore: NaN }[whenAbsent];
  const isAbsent = tp + fp + fn === 0;
  const ratio = (over, under) => (isAbsent ? absent : under ? over / under : 0);
  return {
    tp,
    fp,
    fn,
    dice: ratio(2 * tp, 2 * tp + fp + fn),
    iou: ratio(tp, tp + fp + fn),
    precision: ratio(tp, tp + fp),
    recall: ratio(tp, tp + fn),
  };
}
