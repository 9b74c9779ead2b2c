// Numbers as people read them.

// On hover: as many digits in every row.
export function number(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return value.toExponential(3);
  if (Number.isInteger(value) || size >= 1e4) return (Math.round(value) + 0).toLocaleString("en-US"); // + 0: never -0
  return value.toPrecision(4);
}

// Beside an axis; null for a line that bears no label.
export function tick(value) {
  if (value === null) return null;
  const size = Math.abs(value);
  if (size >= 1e4) return value.toLocaleString("en-US", { notation: "compact", maximumFractionDigits: 3 });
  if (size !== 0 && size < 1e-3) return value.toExponential().replace("e-", "e−");
  return Number(value.toPrecision(6)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}

// Of a log axis' many lines, those at powers of ten; null for the others.
export const powersOfTen = (values) =>
  values.map((value) => (Number.isInteger(Number(Math.log10(value).toFixed(9))) ? value : null));

const powers = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const WHOLE = powers(0, 15).flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
const BROKEN = powers(-12, 15).flatMap((power) => [1, 2, 2.5, 5].map((digit) => Number(`${digit}e${power}`)));

// What may lie between two ticks of x: whole numbers where there is room for them, since no step is half a step.
export const increments = (low, high) => high - low >= 2 ? WHOLE : BROKEN;
