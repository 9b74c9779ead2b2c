import assert from "node:assert/strict";
import test from "node:test";

import { linesOf, placeOfWords, wrapped } from "../../../../app/components/browser/live_chart/canvas.js";
import { AXIS, cellsOf, gridOf, MARGIN, TICKS } from "../../../../app/components/browser/live_chart/grid.js";
import { extent } from "../../../../app/components/browser/live_chart/lines.js";
import { escaped, node, pathOf } from "../../../../app/components/browser/live_chart/svg.js";
import { colorOf, isDark } from "../../../../app/components/browser/live_chart/theme.js";
import { tableAt, wordsOf } from "../../../../app/components/browser/live_chart/tip.js";
import { sentenceOf } from "../../../../app/components/browser/live_chart/words.js";

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

const line = (term, owner, y, more = {}) => ({ term, owner, x: [0, 1], y: [y, y], width: 2, bandTo: null, ...more });
const at = (series, isShown = () => true) => tableAt(series, isShown, 1, (x) => 10 * x);

test("the table at the cursor holds every loss of every run", () => {
  const series = ["A", "B"].flatMap((owner) =>
    ["CE", "IoU"].map((term, i) => line(term, owner, i + owner.charCodeAt(0)))
  );
  const table = at(series);
  assert.deepEqual([table.terms, table.owners, table.closest], [["CE", "IoU"], ["A", "B"], 1]);
  assert.deepEqual(
    table.terms.map((term) => table.owners.map((owner) => wordsOf(table.cellAt(term, owner), ""))),
    [["65", "66"], ["66", "67"]],
  );
  assert.deepEqual(at(series, ({ term }) => term === "CE").terms, ["CE"], "what is hidden is not in it");
});

test("a cell holds the ends of a band, and what a pale line had; a run without a loss has a dash", () => {
  const series = [
    line("CE", "A", 0.5),
    line("CE", "A", 0.25, { width: 0.5 }),
    line("CE", "A", 0.75, { width: 0.5, bandTo: 1 }),
    line("IoU", "B", 1.5),
    line("IoU", "B", 2.5, { width: 1.1 }),
    line("Zero", "", 0),
  ];
  const { terms, owners, cellAt } = at(series);
  assert.deepEqual([terms, owners], [["CE", "IoU"], ["A", "B"]]);
  const shown = [["CE", "A"], ["CE", "B"], ["IoU", "B"]].map(([term, owner]) => wordsOf(cellAt(term, owner), "s"));
  assert.deepEqual(shown, ["0.5000 s (0.25 to 0.75)", "–", "1.500 (2.500) s"]);
});

test("the table names the step that is nearest to the pointer, or where the pointer is", () => {
  const steps = (...x) => ({ ...line("CE", "", 1), x, y: x });
  assert.equal(tableAt([steps(1, 4), steps(2, 5)], () => true, 4.9, (x) => 10 * x).closest, 5);
  assert.deepEqual([tableAt([], () => true, 5.2, (x) => x).closest, tableAt([], () => true, 5.2, (x) => x).isEmpty], [
    5.2,
    true,
  ]);
});

test("small plots are of one size in as few rows as there is room for", () => {
  assert.deepEqual([3, 4, 5, 8].map((count) => gridOf(count, 480)), [
    { rows: 1, columns: 3 },
    { rows: 1, columns: 4 },
    { rows: 2, columns: 3 },
    { rows: 2, columns: 4 },
  ]);
  const cells = cellsOf(5, { width: 480, height: 300 }, 1);
  const inside = cells.map(({ width, height, isFirst, isLast }) => [
    Math.round(width - (isFirst ? AXIS : MARGIN)),
    height - (isLast ? TICKS : 0),
  ]);
  assert.deepEqual(new Set(inside.map(String)).size, 1);
});

test("marks are written beside their flag where there is room", () => {
  const place = { first: 0, end: 100 };
  assert.deepEqual([20, 90, 50].map((flag) => placeOfWords(40, flag, 5, place)), [25, 45, 55]);
  assert.equal(placeOfWords(98, 50, 5, place), null);
});

test("a mark of some runs stands on their lines where runs share a plot, and is a line through their own", () => {
  const lines = [line("CE", "A", 1), line("CE", "B", 2)];
  const mark = [3, "γ₀ 1 → 0.3", "change", ["B"], "MAD"];
  assert.deepEqual(linesOf(mark, { isAlone: true, lines }), [lines[1]]);
  assert.deepEqual(linesOf(mark, { isAlone: false, lines: [lines[1]] }), []);
  assert.deepEqual([sentenceOf(mark), sentenceOf([3, "Paused", "state", [], ""])], ["γ₀ 1 → 0.3 · MAD", "Paused"]);
});

test("a line as SVG begins anew after a gap, and names cannot break out of it", () => {
  assert.equal(pathOf({ x: [0, 1, 2, 3], y: [0, 1, null, 3] }, (x, y) => [x, y]), "M0 0L1 1M3 3");
  assert.equal(node("text", { x: 1 }, escaped('a<b & "c"')), '<text x="1">a&lt;b &amp; &quot;c&quot;</text>');
});

test("x begins at 0 where it counts epochs, and as the data do elsewhere", () => {
  assert.deepEqual(extent([1, 1], [], null, 0), { min: 0, max: 1 });
  assert.deepEqual(extent([0, 0], [], null, 0), { min: 0, max: 1 });
  assert.deepEqual(extent([4, 9], [], null, 0), { min: 0, max: 9 });
  assert.deepEqual(extent([4, 9], [], null), { min: 4, max: 9 });
});

test("a legend in a picture goes on in the next row", () => {
  // 44 + 56 = 100 each, from 12: two fit into 220, the third does not.
  assert.deepEqual(wrapped([56, 56, 56], 220), { places: [[12, 0], [112, 0], [12, 1]], rows: 2 });
  assert.deepEqual(wrapped([900], 220), { places: [[12, 0]], rows: 1 }, "one that is too long stands alone");
});
