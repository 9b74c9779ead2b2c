import assert from "node:assert/strict";
import test from "node:test";

import {
  fitting,
  inWords,
  shown,
  sorted,
  turned,
  withAll,
  wordsOf,
} from "../../../../app/components/browser/run_rows.js";

test("a time is told by its two largest units", () => {
  assert.deepEqual([0.4, 59, 61, 3725, 90061].map(inWords), ["0 s", "59 s", "1 min 1 s", "1 h 2 min", "1 d 1 h"]);
});

test("a cell shows what its column holds", () => {
  assert.equal(shown("name", null), "–");
  assert.equal(shown("test_any_metric", 0.81236), "0.8124");
  assert.equal(shown("test_any_metric", -0.00001), "0.0000");
  assert.equal(shown("test_any_metric", -0.5), "-0.5000");
  assert.equal(shown("steps", 12345), "12,345");
  assert.equal(shown("seed", 7), "7");
  const made = new Date(2026, 2, 4, 15, 6).getTime() / 1000;
  assert.equal(shown("created", made, new Date(2026, 5, 1)), "Mar 4, 15:06");
  assert.equal(shown("created", made, new Date(2027, 0, 1)), "Mar 4, 2026, 15:06");
});

const columns = [{ name: "name", title: "Run" }, { name: "seed", title: "Seed" }];
const rows = [["a", "MAD", 2], ["b", "Fixed", null], ["c", "mad late", 1]].map(([id, name, seed]) => ({
  id,
  experiment: "Breast",
  values: [name, seed],
  words: wordsOf(id, "Breast", columns, [name, seed]),
}));
const ids = (found) => found.map(({ id }) => id).join("");

test("every word of a search must occur, anywhere and in any case", () => {
  assert.equal(ids(fitting(rows, "  ", columns)), "abc");
  assert.equal(ids(fitting(rows, "MAD", columns)), "ac");
  assert.equal(ids(fitting(rows, "late breast", columns)), "c");
  assert.equal(ids(fitting(rows, "mad fixed", columns)), "");
});

test("a field with a value is looked for in its column alone", () => {
  assert.equal(ids(fitting(rows, "seed:1", columns)), "c");
  assert.equal(ids(fitting(rows, "Run:mad", columns)), "ac", "as it is headed");
  assert.equal(ids(fitting(rows, "name:mad seed:2", columns)), "a", "and as the library has it");
  assert.equal(ids(fitting(rows, 'name:"mad late"', columns)), "c");
  assert.equal(ids(fitting(rows, "experiment:breast", columns)), "abc");
  assert.equal(ids(fitting(rows, "experiment:lung", columns)), "");
  assert.equal(ids(fitting(rows, "nothing:mad", columns)), "", "what is no field is a word");
});

test("several are chosen at once as far as there is room, and again none of them", () => {
  assert.deepEqual(withAll(["a"], ["a", "b", "c"], 9), ["a", "b", "c"]);
  assert.deepEqual(withAll(["a"], ["b", "c"], 2), ["a", "b"]);
  assert.deepEqual(withAll(["a", "b", "c"], ["a", "c"], 9), ["b"]);
});

test("what is missing comes last either way", () => {
  assert.equal(ids(sorted(rows, 1, 1)), "cab");
  assert.equal(ids(sorted(rows, 1, -1)), "acb");
  assert.equal(ids(rows), "abc", "the rows themselves keep their order");
});

test("a head that is clicked again turns the order, then gives it up", () => {
  assert.deepEqual(turned(null, 1, "seed"), [1, -1], "numbers from the highest");
  assert.deepEqual(turned([1, -1], 1, "seed"), [1, 1]);
  assert.equal(turned([1, 1], 1, "seed"), null);
  assert.deepEqual(turned([1, -1], 0, "name"), [0, 1], "another column begins anew");
});
