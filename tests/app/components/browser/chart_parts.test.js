import assert from "node:assert/strict";
import test from "node:test";

import { wrapped } from "../../../../app/components/browser/live_chart/canvas.js";
import { colorOf, isDark } from "../../../../app/components/browser/live_chart/theme.js";
import { closestTo, rowsAt } from "../../../../app/components/browser/live_chart/tip.js";

test("dark is what people see as dark", () => {
  assert.deepEqual(["#ffffff", "#0e1117", "#00ff00", "#0000ff"].map(isDark), [false, true, false, true]);
  assert.deepEqual(
    ["dark", "light"].map((name) => colorOf({ color: ["#111111", "#eeeeee"] }, { dark: name === "dark" })),
    [
      "#eeeeee",
      "#111111",
    ],
  );
});

test("the rows next to the pointer are kept, in the order of the chart", () => {
  const series = [5, 1, 4, 2].map((y) => ({ name: `at ${y}`, x: [0, 1], y: [y, y] }));
  const { rows, more } = rowsAt(series, 1, (x) => 10 * x, { room: 2, distance: ({ y }) => Math.abs(y - 4.6) });
  assert.deepEqual([rows.map(({ y }) => y), more], [[5, 4], 2]);
  const all = rowsAt(series, 1, (x) => 10 * x, { room: 9, distance: () => 0 });
  assert.deepEqual([all.rows.map(({ y }) => y), all.more], [[5, 1, 4, 2], 0]);
});

test("the heading names the step that is nearest to the pointer", () => {
  assert.equal(closestTo(5.2, [{ x: 4 }, { x: 5 }, { x: 9 }]), 5);
  assert.equal(closestTo(5.2, []), 5.2);
});

test("a legend in a picture goes on in the next row", () => {
  // 44 + 56 = 100 each, from 12: two fit into 220, the third does not.
  assert.deepEqual(wrapped([56, 56, 56], 220), { places: [[12, 0], [112, 0], [12, 1]], rows: 2 });
  assert.deepEqual(wrapped([900], 220), { places: [[12, 0]], rows: 1 }, "one that is too long stands alone");
});
