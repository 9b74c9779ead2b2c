// Colours and fonts of the page around a chart.

import { drawing } from "../dom.js";

const KIND_COLORS = { change: "--st-violet-color", warning: "--st-orange-color", error: "--st-red-color" };

// `muted`: a node whose words are as pale as those of the axes.
export function readTheme(root, muted) {
  const style = getComputedStyle(root);
  const color = (name) => style.getPropertyValue(name).trim();
  const background = color("--st-background-color");
  const dark = isDark(background);
  return {
    dark,
    background,
    text: color("--st-text-color"),
    muted: getComputedStyle(muted).color,
    font: style.fontFamily,
    hair: dark ? "rgba(255,255,255,0.10)" : "rgba(0,0,0,0.09)",
    marks: Object.fromEntries(Object.entries(KIND_COLORS).map(([kind, name]) => [kind, color(name)])),
  };
}

// Of "#rrggbb", by how bright people see it.
export function isDark(color) {
  const [red, green, blue] = (color.match(/^#(..)(..)(..)/) ?? []).slice(1).map((hex) => parseInt(hex, 16));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
}

// A line's colour is a pair, for the light and the dark theme.
export const colorOf = (line, theme) => line.color[theme.dark ? 1 : 0];

export const chip = (color) => drawing("chip", 10, 10, { tag: "rect", width: 10, height: 10, rx: 3, fill: color });

export const sample = (color, { dash, width }) =>
  drawing("sample", 26, 10, {
    tag: "path",
    d: "M0 5h26",
    stroke: color,
    "stroke-width": Math.min(width + 0.25, 2),
    "stroke-dasharray": dash,
  });
