// Rows of the table of runs: their words, which of them fit a search, and their order.

const NUMBERS = new Set(["seed", "steps", "seconds"]);
const SCORE = /^(validation|test)_/;

// Whether the column `name` holds numbers.
export function isNumber(name) {
  return NUMBERS.has(name) || SCORE.test(name);
}

const UNITS = [
  { size: 86400, unit: "d", below: 3600, small: "h" },
  { size: 3600, unit: "h", below: 60, small: "min" },
  { size: 60, unit: "min", below: 1, small: "s" },
];

// Seconds by the two units that tell them best: "2 h 5 min".
export function inWords(seconds) {
  for (const { size, unit, below, small } of UNITS) {
    if (seconds >= size) {
      return `${Math.floor(seconds / size)} ${unit} ${Math.floor((seconds % size) / below)} ${small}`;
    }
  }
  return `${Math.round(seconds)} s`;
}

// A value of the column `name` as a cell shows it; `today` decides whether a year is said.
export function shown(name, value, today = new Date()) {
  if (value === null || value === "") return "–";
  if (name === "created") {
    const made = new Date(value * 1000);
    const isThisYear = made.getFullYear() === today.getFullYear();
    /** @type {Intl.DateTimeFormatOptions} */
    const parts = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    if (!isThisYear) parts.year = "numeric";
    return made.toLocaleString("en", parts);
  }
  if (name === "seconds") return inWords(value);
  if (name === "steps") return value.toLocaleString("en");
  return SCORE.test(name) ? value.toFixed(4).replace(/^-(?=[0.]+$)/, "") : String(value);
}

// What a search looks in.
export function wordsOf(id, experiment, columns, values) {
  const words = columns.map(({ name }, i) => (name === "created" ? "" : shown(name, values[i])));
  return [experiment, ...words, id].join(" ").toLowerCase();
}

// Rows in which every word of the search occurs.
export function fitting(rows, search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => words.every((word) => row.words.includes(word)));
}

// By the values of a column, upwards (way 1) or downwards (-1).
export function sorted(rows, column, way) {
  return [...rows].sort((one, other) => {
    const [a, b] = [one.values[column], other.values[column]];
    if (a === null || b === null) return Number(a === null) - Number(b === null); // what is missing comes last either way
    return way * (typeof a === "number" ? a - b : String(a).localeCompare(String(b)));
  });
}

// The order after a click on a column's head. Numbers are looked at from the highest; a third click brings back the
// newest first.
export function turned(order, column, name) {
  const way = order?.[0] === column ? order[1] : 0;
  const begins = isNumber(name) ? -1 : 1;
  if (way === 0) return [column, begins];
  return way === begins ? [column, -begins] : null;
}
