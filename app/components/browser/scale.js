// What stands behind a slider and its field: places, values and bounds.

const STEPS = 1000; // positions of a slider over powers of ten
const digits = (value, count) => Number(value.toPrecision(count));

const BOUNDS = {
  ge: ["at least", (value, bound) => value >= bound],
  gt: ["above", (value, bound) => value > bound],
  le: ["at most", (value, bound) => value <= bound],
  lt: ["below", (value, bound) => value < bound],
};

// What a number must be, where it is not: "a whole number, at least 1, at most 6".
export function refused(value, { allowed, integer, none }) {
  const kept = Object.entries(allowed).every(([name, bound]) => BOUNDS[name][1](value, bound));
  if (Number.isFinite(value) && kept && (!integer || Number.isInteger(value))) return "";
  const words = Object.entries(allowed).map(([name, bound]) => `${BOUNDS[name][0]} ${bound}`);
  return [integer ? "a whole number" : "a number", ...words].join(", ") + (none ? `; empty for ${none.text}` : "");
}

// Positions of a slider and the values they stand for; `none` has a place of its own at one end.
export class Scale {
  constructor({ low, high, step, log, integer, none }) {
    this.low = low;
    this.high = high;
    this.step = step;
    this.log = log;
    this.integer = integer;
    this.none = none;
    this.count = log ? STEPS : Math.round((high - low) / step);
    this.first = none?.at === "low" ? -1 : 0;
    this.last = this.count + (none?.at === "high" ? 1 : 0);
  }

  value(position) {
    if (position < 0 || position > this.count) return null;
    if (!this.log) return digits(this.low + position * this.step, 12);
    const value = this.low * (this.high / this.low) ** (position / STEPS);
    return this.integer ? Math.round(value) : digits(value, 2);
  }

  position(value) {
    if (value === null) return this.none?.at === "high" ? this.last : this.first;
    const share = this.log
      ? (Math.log(Math.max(value, this.low) / this.low) / Math.log(this.high / this.low)) * STEPS
      : (value - this.low) / this.step;
    return Math.min(Math.max(Math.round(share), 0), this.count);
  }
}
