// What charts say.

// A mark: what happened, and to which runs where not to all.
export function sentenceOf(mark) {
  const [, text, , , whose] = mark;
  return whose ? `${text} · ${whose}` : text;
}
