// An engine is mounted once on a page, and draws for the small components there that wait for it: their scripts hold
// little but `globalThis[name]`, because they travel with every message.

export function startEngine(name, draw) {
  const engine = (globalThis[name] ??= {});
  engine.ready ??= new Promise((resolve) => {
    engine.start = resolve;
  });
  engine.start(draw);
}

// Streamlit may call the cleanup of a call that a newer one overtook, so only an element that is gone is cleaned up.
export const whenGone = (root, action) => () =>
  setTimeout(() => {
    if (!root.isConnected) action();
  });
