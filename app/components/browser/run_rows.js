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

// Rows in which every word of the search occurs. `field:value` looks in one column alone, which is called as it is headed
// or as in the table of the library; a number must be the same. What has spaces stands between quotes.
export function fitting(rows, search, columns) {
  const terms = search.toLowerCase().match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
  const fits = terms.map((term) => fitOf(term.replaceAll('"', ""), columns));
  return rows.filter((row) => fits.every((fit) => fit(row)));
}

function fitOf(term, columns) {
  const [field, ...rest] = term.split(":");
  const value = rest.join(":");
  if (value && field === "experiment") return (row) => row.experiment.toLowerCase().includes(value);
  const column = value ? columns.findIndex((each) => namesOf(each).includes(field)) : -1;
  if (column < 0) return (row) => row.words.includes(term);
  const { name } = columns[column];
  return ({ values }) => {
    const text = shown(name, values[column]).toLowerCase();
    return isNumber(name) ? text === value || values[column] === Number(value) : text.includes(value);
  };
}

const namesOf = ({ name, title = "" }) => [name, name.replace(/s$/, ""), title.toLowerCase().replaceAll(" ", "")];

// What is chosen once all of `ids` are as well, as far as there is room; without them where all of them were.
export function withAll(chosen, ids, most) {
  if (ids.every((id) => chosen.includes(id))) return chosen.filter((id) => !ids.includes(id));
  return [...chosen, ...ids.filter((id) => !chosen.includes(id))].slice(0, Math.max(most, chosen.length));
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
