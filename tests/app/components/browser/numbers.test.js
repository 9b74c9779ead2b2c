import assert from "node:assert/strict";
import test from "node:test";

import { increments, number, powersOfTen, tick } from "../../../../app/components/browser/live_chart/numbers.js";

test("numbers on hover have as many digits in every row", () => {
  assert.deepEqual([0.12345, 0.5, 12.3456].map(number), ["0.1235", "0.5000", "12.35"]);
  assert.deepEqual([0, 3, 12345, 12345.6].map(number), ["0", "3", "12,345", "12,346"]);
  assert.deepEqual([-0, -3].map(number), ["0", "-3"]);
  assert.deepEqual([0.00012345, 2e9].map(number), ["1.234e-4", "2.000e+9"]);
});

test("labels of an axis are short", () => {
  assert.deepEqual([0, 0.25, 1500, 20000, 1500000].map(tick), ["0", "0.25", "1,500", "20K", "1.5M"]);
  assert.equal(tick(0.0001), "1e−4");
  assert.equal(tick(0.1 + 0.2), "0.3", "no digits of the computer's own");
  assert.equal(tick(null), null);
});

test("a log axis is labelled at powers of ten", () => {
  assert.deepEqual(powersOfTen([0.01, 0.02, 0.1, 1, 2, 10, 1000]), [0.01, null, 0.1, 1, null, 10, 1000]);
});

test("between two ticks of x lie whole numbers, where there is room for them", () => {
  const isWhole = (step) => Number.isInteger(step);
  assert.ok(increments(0, 13).every(isWhole));
  assert.ok(increments(0, 2).every(isWhole));
  assert.ok(!increments(0, 1).every(isWhole));
  assert.deepEqual(increments(0, 1).filter((step) => step >= 0.1 && step < 1), [0.1, 0.2, 0.25, 0.5]);
});
