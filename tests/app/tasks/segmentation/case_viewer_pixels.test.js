import assert from "node:assert/strict";
import test from "node:test";

import {
  chosenClasses,
  count,
  fromLabels,
  greyTable,
  heatColor,
  predicted,
  score,
  unpack,
} from "../../../../app/tasks/segmentation/case_viewer_pixels.js";
import { moved } from "../../components/browser/message.js";

const grids = [{ width: 2, height: 2 }];

test("columns of a message are bytes at their places", () => {
  const head = new TextEncoder().encode(JSON.stringify({ case: "a", columns: [[0, 2], [2, 1]] }));
  const message = new Uint8Array([head.length, 0, 0, 0, ...head, 7, 8, 9]);
  const config = unpack(moved(message));
  assert.equal(config.case, "a");
  assert.deepEqual(config.columns.map((column) => [...column]), [[7, 8], [9]]);
});

test("a pixel is found where all classes together reach the threshold, and is the likeliest's", () => {
  // Two classes on four pixels: sums 200, 100, 130, 255 of 255; the threshold 0.5 is 127.5.
  const config = {
    columns: [Uint8Array.from([150, 50, 60, 0, 50, 50, 70, 255])],
    classes: ["a", "b"],
    epochs: [],
    grids,
  };
  const panel = { kind: "probability", grid: 0, column: 0 };
  const mask = (
    classIndex,
    threshold = 0.5,
  ) => [...predicted(panel, config, { threshold, classIndex, epochAt: 0 }).mask];
  assert.deepEqual(mask(-1), [1, 0, 1, 1]);
  assert.deepEqual(mask(0), [1, 0, 0, 0]);
  assert.deepEqual(mask(1), [0, 0, 1, 1]);
  assert.deepEqual(mask(-1, 0.99), [0, 0, 0, 1]);
});

test("labels are 1 and above for classes, and 255 is none of them", () => {
  assert.deepEqual([...fromLabels([0, 1, 2, 255], [0])], [0, 1, 0, 0]);
  assert.deepEqual([...fromLabels([0, 1, 2, 255], chosenClasses(["a", "b"], -1))], [0, 1, 1, 0]);
});

test("of epochs, the last that was kept until now is shown", () => {
  const config = {
    columns: [Uint8Array.of(0b10000000), Uint8Array.of(0b11000000)],
    classes: ["a"],
    epochs: [1, 2, 3],
    grids,
  };
  const panel = { kind: "epochs", grid: 0, frames: [[2, 0], [3, 1]] };
  const at = (epochAt) => predicted(panel, config, { threshold: 0.5, classIndex: 0, epochAt });
  assert.equal(at(0), null, "nothing was kept yet");
  assert.deepEqual([[...at(1).mask], at(1).at], [[1, 0, 0, 0], 2]);
  assert.deepEqual([...at(2).mask], [1, 1, 0, 0]);
});

test("scores are worked out by hand", () => {
  // found 1, made up 1, missed 2; the last pixel counts nowhere.
  const { tp, fp, fn, dice, iou, precision, recall } = count([1, 1, 0, 0, 1], [1, 0, 1, 1, 0], [0, 0, 0, 0, 1], "one");
  assert.deepEqual([tp, fp, fn, dice, iou, precision, recall], [1, 1, 2, 2 / 5, 1 / 4, 1 / 2, 1 / 3]);
});

test("what is absent from both is as the experiment has it", () => {
  const of = (absent) => count([0, 0], [0, 0], null, absent).dice;
  assert.deepEqual([of("one"), of("zero"), of("ignore")], [1, 0, NaN]);
  assert.equal(score(of("ignore")), "–");
  assert.equal(count([1, 0], [0, 0], null, "one").dice, 0, "made up is not absent");
});

test("heat goes from dark to bright", () => {
  assert.deepEqual(heatColor(0), [0, 0, 4]);
  assert.deepEqual(heatColor(1), [252, 255, 164]);
  assert.deepEqual(heatColor(0.1), [33, 5, 54], "half way between the first two");
});

test("grey values are shown from the lower end of the window to its upper end", () => {
  const whole = greyTable({ window: 1, level: 0.5, brightness: 1 });
  assert.deepEqual([...whole], [...Array(256).keys()]);
  // The lower half of 0..255: 63.75 lies in its middle, what is beyond is white.
  const lower = greyTable({ window: 0.5, level: 0.25, brightness: 1 });
  assert.deepEqual([0, 64, 127, 128, 255].map((value) => lower[value]), [0, 128, 254, 255, 255]);
  const upper = greyTable({ window: 0.5, level: 0.75, brightness: 1 });
  assert.deepEqual([0, 127, 191, 255].map((value) => upper[value]), [0, 0, 127, 255]);
});

test("brightness makes what the window shows brighter or darker, white stays the brightest", () => {
  const twice = greyTable({ window: 1, level: 0.5, brightness: 2 });
  assert.deepEqual([0, 10, 100, 127, 128, 255].map((value) => twice[value]), [0, 20, 200, 254, 255, 255]);
  const half = greyTable({ window: 0.5, level: 0.25, brightness: 0.5 });
  assert.deepEqual([0, 64, 128, 255].map((value) => half[value]), [0, 64, 128, 128]);
});
