import assert from "node:assert/strict";
import test from "node:test";

import { refused, Scale } from "../../../../app/components/browser/scale.js";

test("even places stand for even steps, without digits of the computer's own", () => {
  const scale = new Scale({ low: 0, high: 1, step: 0.1, log: false, integer: false, none: null });
  assert.deepEqual([scale.first, scale.last, scale.value(3), scale.position(0.7)], [0, 10, 0.3, 7]);
  assert.equal(scale.position(5), 10, "beyond the end is the end");
});

test("a log scale goes by factors", () => {
  const scale = new Scale({ low: 1, high: 10000, step: null, log: true, integer: true, none: null });
  assert.deepEqual([scale.value(0), scale.value(250), scale.value(500), scale.value(1000)], [1, 10, 100, 10000]);
  assert.equal(scale.position(100), 500);
});

test("no value has a place of its own at one end", () => {
  const plain = { low: 0, high: 4, step: 1, log: false, integer: true };
  const low = new Scale({ ...plain, none: { text: "all", at: "low" } });
  assert.deepEqual([low.first, low.value(-1), low.position(null), low.last], [-1, null, -1, 4]);
  const high = new Scale({ ...plain, none: { text: "all", at: "high" } });
  assert.deepEqual([high.first, high.value(5), high.position(null)], [0, null, 5]);
});

test("a number that is refused is told what it must be", () => {
  const control = { allowed: { ge: 1, lt: 6 }, integer: true, none: null };
  assert.equal(refused(5, control), "");
  for (const value of [0, 6, 2.5, NaN]) assert.equal(refused(value, control), "a whole number, at least 1, below 6");
  const open = { allowed: {}, integer: false, none: { text: "no limit" } };
  assert.equal(refused(NaN, open), "a number; empty for no limit");
});
