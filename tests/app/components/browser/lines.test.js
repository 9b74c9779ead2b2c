import assert from "node:assert/strict";
import test from "node:test";

import {
  blanks,
  extent,
  firstOfEach,
  latest,
  lonely,
  nearest,
  placeAt,
  unpack,
} from "../../../../app/components/browser/live_chart/lines.js";
import { moved, packed } from "./message.js";

const pixels = (x) => 10 * x; // ten pixels a step

test("values arrive as they were sent, and gaps are null", () => {
  const x = new Float32Array([0, 1, 2]);
  const times = new Float64Array([1780000000.25, 1780000000.5, 1780000000.75]); // beyond float32
  const y = new Float32Array([0.5, NaN, -Infinity]);
  const series = [{ name: "a", x: 0, y: 2 }, { name: "b", x: 1, y: 0 }];
  const config = unpack(moved(packed({ title: "Dichte é", logY: false, series }, x, times, y)));
  assert.equal(config.title, "Dichte é");
  assert.deepEqual([...config.series[0].x], [0, 1, 2]);
  assert.deepEqual(config.series[0].y, [0.5, null, null]);
  assert.deepEqual([...config.series[1].x], [...times]);
  assert.ok(config.series[1].y instanceof Float32Array, "a line without gaps stays as it came");
  assert.equal(config.columns, undefined);
});

test("a log axis has no place for what is not positive", () => {
  const y = new Float32Array([1, 0, -1]);
  const message = packed({ logY: true, series: [{ name: "a", x: 0, y: 1 }] }, new Float32Array([0, 1, 2]), y);
  assert.deepEqual(unpack(message).series[0].y, [1, null, null]);
});

test("the nearest value is found at both ends, between, and of one", () => {
  const xs = [0, 10, 20, 30];
  assert.deepEqual([-5, 4, 6, 14.9, 99].map((x) => nearest(xs, x)), [0, 0, 1, 1, 3]);
  assert.equal(nearest([7], 100), 0);
  assert.equal(nearest(xs, 5), 0, "of two that are as near, the first");
});

test("a line answers within its data, and a dozen pixels beyond", () => {
  const line = { x: [2, 3, 9], y: [1, null, 2] };
  assert.equal(placeAt(line, 2.2, pixels), 0);
  assert.equal(placeAt(line, 3, pixels), null, "a gap says nothing");
  assert.equal(placeAt(line, 7, pixels), 2, "inside, however far");
  assert.equal(placeAt(line, 0.8, pixels), 0, "12 pixels before its begin");
  assert.equal(placeAt(line, 0.7, pixels), null, "13 pixels before its begin");
  assert.equal(placeAt({ x: [], y: [] }, 0, pixels), null);
});

test("values between gaps are found, also at the ends", () => {
  assert.deepEqual(lonely([1, null, 2, 3, null, 4, null, 5]), [0, 5, 7]);
  assert.deepEqual(lonely([1]), [0]);
  assert.deepEqual(lonely([]), []);
  assert.deepEqual(lonely([1, 2, 3]), []);
});

test("the newest value of a line is the last that is one", () => {
  const series = [{ name: "a", y: [1, 2, null] }, { name: "b", y: [null] }, { name: "c", y: [] }];
  assert.deepEqual(latest(series), { a: 2, b: null, c: null });
});

test("what is shown holds the marks, unless a reader has zoomed", () => {
  assert.deepEqual(extent([0, 5], [[6, "Paused", "state"]], null), { min: 0, max: 6 });
  assert.deepEqual(extent([0, 5], [[6, "Paused", "state"]], [1, 2]), { min: 1, max: 2 });
  assert.deepEqual(extent([3, 3], [], null), { min: 2, max: 4 }, "one step alone has room around it");
});

test("the widest line stands for its entry, in the order of the chart", () => {
  const series = [
    { term: "ce", run: "one", width: 1 },
    { term: "dice", run: "one", width: 2 },
    { term: "ce", run: "two", width: 2 },
  ];
  assert.deepEqual(firstOfEach(series, "term").map(({ term, run }) => `${term} ${run}`), ["ce two", "dice one"]);
  assert.deepEqual(firstOfEach([], "term"), []);
});

test("dashes follow x and join the gaps of the data", () => {
  // 4 on, 2 off from 0 to 12: blanks at 4..6 and 10..12; a gap of the data at 5..8 joins the first.
  assert.deepEqual(blanks([[5, 8]], [4, 2], 0, 12), [[4, 8], [10, 12]]);
  assert.deepEqual(blanks([], [4, 2], 100, 106), [[104, 106]]);
  assert.deepEqual(blanks([], [100, 2], 0, 50), []);
});
