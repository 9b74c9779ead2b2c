// What the keys do while a chart has the focus.

// `event.key` to what is asked for: {move: index in xs}, {zoom: [low, high], or null for all}, {pick: x}, or {zoom: null,
// leave: true}; null for a key that means nothing here. Of the chart: all `xs`, its scale's `min` and `max` and the
// indices `first` and `last` of those, the `index` and the `x` of the cursor, which are null without one.
export function commandOf(key, { xs, min, max, first, last, index, x, isZoomed }) {
  const now = index ?? last;
  const move = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: first, End: last }[key];
  if (move !== undefined) return { move: Math.min(Math.max(move, 0), xs.length - 1) };
  const centre = x ?? (min + max) / 2;
  const scaled = (factor) => [centre - (centre - min) * factor, centre + (max - centre) * factor];
  if (key === "+" || key === "=") return { zoom: scaled(0.5) };
  if (key === "-" && isZoomed) {
    const [low, high] = scaled(2);
    return { zoom: low <= xs[0] && high >= xs[xs.length - 1] ? null : [low, high] };
  }
  if (key === "Enter" && x !== null) return { pick: x };
  return key === "Escape" ? { zoom: null, leave: true } : null;
}
