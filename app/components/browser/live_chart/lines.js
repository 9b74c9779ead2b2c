// The lines of a chart: what a message holds, and what is known of them without drawing.

import { readMessage } from "../message.js";

// See `pack` in live_chart.py. In a line's y, null is a gap.
export function unpack(message) {
  const { header, columnAt } = readMessage(message);
  const columns = header.columns.map(([size, offset, count]) =>
    columnAt(size === 8 ? Float64Array : Float32Array, offset, count)
  );
  const isDrawn = (y) => Number.isFinite(y) && !(header.logY && y <= 0);
  for (const line of header.series) {
    line.x = columns[line.x];
    line.y = columns[line.y];
    if (!line.y.every(isDrawn)) line.y = Array.from(line.y, (y) => (isDrawn(y) ? y : null));
  }
  delete header.columns;
  return header;
}

// Index in ascending `xs` of the value nearest to `x`.
export function nearest(xs, x) {
  let low = 0;
  let high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle;
    else high = middle;
  }
  return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
}

// Index of the value that answers for `x`: a line does only where it has data, give or take `reach` pixels.
export function placeAt({ x: xs, y: ys }, x, toPixels, reach = 12) {
  if (!xs.length) return null;
  const i = nearest(xs, x);
  const isInside = x >= xs[0] && x <= xs[xs.length - 1];
  const distance = Math.abs(toPixels(xs[i]) - toPixels(x));
  return ys[i] !== null && (isInside || distance <= reach) ? i : null;
}

// Indices of values between gaps, which no line would show.
export function lonely(ys) {
  const isGap = (i) => i < 0 || i >= ys.length || ys[i] === null;
  const found = [];
  for (let i = 0; i < ys.length; i += 1) if (!isGap(i) && isGap(i - 1) && isGap(i + 1)) found.push(i);
  return found;
}

// The newest value of each line; null where it has none.
export function latest(series) {
  const last = {};
  for (const line of series) {
    let i = line.y.length - 1;
    while (i >= 0 && line.y[i] === null) i -= 1;
    last[line.name] = i < 0 ? null : line.y[i];
  }
  return last;
}

// What of x is shown. A mark of the latest step lies one step after the last point: it must be seen as well.
// `reach`: first and last x of the data. `start`: where x begins at the latest, as epochs do at 0; null where the data say.
export function extent(reach, marks, zoom, start = null) {
  if (zoom) return { min: zoom[0], max: zoom[1] };
  const [first, last] = reach;
  const low = start === null ? first : Math.min(first, start);
  const high = Math.max(last, ...marks.map((mark) => mark[0]));
  if (low < high) return { min: low, max: high };
  return { min: start === null ? low - 1 : low, max: low + 1 };
}

// Lowest and highest of the lines' values between two x, with the neighbours outside that are drawn towards; nulls where
// there are none.
export function spanBetween(lines, from, to) {
  let [low, high] = [null, null];
  for (const { x, y } of lines) {
    if (!x.length) continue;
    const first = Math.max(0, nearest(x, from) - 1);
    const last = Math.min(x.length - 1, nearest(x, to) + 1);
    for (let i = first; i <= last; i += 1) {
      if (y[i] === null) continue;
      if (low === null || y[i] < low) low = y[i];
      if (high === null || y[i] > high) high = y[i];
    }
  }
  return [low, high];
}

// Lines that stand for the entries of a legend, one for each `field`: the first of the widest, since pale ones beside them
// are narrower.
export function firstOfEach(series, field) {
  const found = new Map();
  for (const line of series) {
    if (!(found.get(line[field])?.width >= line.width)) found.set(line[field], line);
  }
  return [...found.values()];
}

// Dashes that follow x: [from, to] of what is left blank, joined with the `gaps` of the data, in pixels.
export function blanks(gaps, dash, left, right) {
  const all = [...gaps];
  for (let x = left, i = 0; x < right; i += 1) {
    const end = x + dash[i % dash.length];
    if (i % 2) all.push([x, end]);
    x = end;
  }
  all.sort((a, b) => a[0] - b[0]);
  const apart = [];
  for (const [low, high] of all) {
    const last = apart[apart.length - 1];
    if (last && low <= last[1]) last[1] = Math.max(last[1], high);
    else apart.push([low, high]);
  }
  return apart;
}
