// Where the small plots of a chart stand, and how large they are.

const LEAST = 104; // CSS pixels that a small plot is wide at least
const LEAST_HIGH = 84; // and high
export const AXIS = 52; // of the y axis beside the first plot of a row
export const MARGIN = 8; // left of the others, for half a number
export const TICKS = 26; // of the numbers below the last row
const NAME = 17; // of the name above each
const LABEL = 17; // of what x is, below all

// Rows and columns of `count` plots of one size; never fewer columns in one row than another needs.
export function gridOf(count, width, text = 1) {
  const most = Math.max(1, Math.floor(width / (LEAST * text)));
  const rows = Math.ceil(count / Math.min(count, most));
  return { rows, columns: Math.ceil(count / rows) };
}

// How high all of them are at least, in CSS pixels.
export function leastHeight(count, width, text) {
  return count > 1 ? gridOf(count, width, text).rows * (LEAST_HIGH + NAME * text) + (TICKS + LABEL) * text : 0;
}

// Place and size of each plot in an area, `row` and `column` from 0; the areas inside their axes are alike.
export function cellsOf(count, { width, height }, text) {
  if (count < 2) return [{ width, height, isFirst: true, isLast: true }];
  const { rows, columns } = gridOf(count, width, text);
  const wide = (width - AXIS * text - MARGIN * (columns - 1)) / columns;
  const high = (height - (TICKS + LABEL) * text) / rows - NAME * text;
  return Array.from({ length: count }, (_, i) => {
    const isFirst = i % columns === 0;
    const isLast = Math.floor(i / columns) === rows - 1;
    return {
      width: wide + (isFirst ? AXIS * text : MARGIN),
      height: high + (isLast ? TICKS * text : 0),
      isFirst,
      isLast,
    };
  });
}
