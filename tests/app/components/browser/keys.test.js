import assert from "node:assert/strict";
import test from "node:test";

import { commandOf } from "../../../../app/components/browser/live_chart/keys.js";

const chart = {
  xs: [0, 10, 20, 30, 40],
  ...{ min: 0, max: 40, first: 0, last: 4 },
  ...{ index: null, x: null, isZoomed: false },
};
const zoomed = { ...chart, min: 10, max: 30, first: 1, last: 3, isZoomed: true };

test("arrows walk from the cursor, or from the end, and stay within the data", () => {
  assert.deepEqual(commandOf("ArrowLeft", chart), { move: 3 });
  assert.deepEqual(commandOf("ArrowRight", { ...chart, index: 1, x: 10 }), { move: 2 });
  assert.deepEqual(commandOf("ArrowRight", { ...chart, index: 4, x: 40 }), { move: 4 });
  assert.deepEqual(commandOf("ArrowLeft", { ...chart, index: 0, x: 0 }), { move: 0 });
});

test("Home and End go to the ends of what is shown", () => {
  assert.deepEqual([commandOf("Home", zoomed), commandOf("End", zoomed)], [{ move: 1 }, { move: 3 }]);
});

test("plus zooms around the cursor, or the middle", () => {
  assert.deepEqual(commandOf("+", chart), { zoom: [10, 30] });
  assert.deepEqual(commandOf("=", { ...chart, index: 1, x: 10 }), { zoom: [5, 25] });
});

test("minus undoes it, until everything is shown", () => {
  assert.deepEqual(commandOf("-", zoomed), { zoom: null }, "0 to 40 is all there is");
  assert.deepEqual(commandOf("-", { ...zoomed, min: 18, max: 22 }), { zoom: [16, 24] });
  assert.equal(commandOf("-", chart), null, "nothing to undo: the key stays the page's");
});

test("Enter chooses where the cursor is, Escape shows everything and takes the cursor away", () => {
  assert.deepEqual(commandOf("Enter", { ...chart, index: 2, x: 21 }), { pick: 21 });
  assert.equal(commandOf("Enter", chart), null);
  assert.deepEqual(commandOf("Escape", zoomed), { zoom: null, leave: true });
  assert.equal(commandOf("a", chart), null);
});
