// A chart as SVG: what uPlot has drawn on its canvas, from the same scales, ticks and lines.

import { entriesOf, linesOf, wordsOf, wrapped } from "./canvas.js";
import { nearest } from "./lines.js";
import { colorOf } from "./theme.js";

const LETTER = 6.4; // of a letter, on average, in pixels
const rounded = (value) => Number(value.toFixed(2));

// `tag` with attributes, around what is written in it.
export function node(tag, attributes, inside = "") {
  const words = Object.entries(attributes).map(([name, value]) => ` ${name}="${escaped(value)}"`);
  return `<${tag}${words.join("")}>${inside}</${tag}>`;
}

export const escaped = (text) =>
  String(text).replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);

const text = (x, y, words, attributes = {}) =>
  node("text", { x: rounded(x), y: rounded(y), ...attributes }, escaped(words));

export function svgOf(chart) {
  const { config, nodes, panels, theme } = chart;
  const area = nodes.plot.getBoundingClientRect();
  const entries = entriesOf(config.series.filter(chart.isShown), panels);
  const { places, rows } = wrapped(entries.map(({ name }) => LETTER * name.length), area.width);
  const top = config.title ? 30 : 8;
  const height = top + area.height + 14 + 20 * rows;
  const parts = [
    node("rect", { width: "100%", height: "100%", fill: theme.background }),
    text(12, 20, config.title, { "font-size": 14, "font-weight": 600, fill: theme.text }),
  ];
  panels.all.forEach((panel, i) => {
    const box = panel.plot.root.getBoundingClientRect();
    const at = `translate(${rounded(box.left - area.left)} ${rounded(top + box.top - area.top)})`;
    parts.push(node("g", { transform: at }, plotOf(panel, chart, `area-${i}`)));
  });
  if (!panels.isAlone) parts.push(text(12, top + area.height - 4, config.xLabel, { fill: theme.muted }));
  entries.forEach(({ name, line, dash }, i) => {
    const [x, y] = [places[i][0], top + area.height + 16 + 20 * places[i][1]];
    parts.push(node("path", { d: `M${x} ${y}h24`, stroke: colorOf(line, theme), "stroke-width": 2, ...dashed(dash) }));
    parts.push(text(x + 30, y + 4, name, { fill: theme.text }));
  });
  const size = {
    width: rounded(area.width),
    height: rounded(height),
    viewBox: `0 0 ${rounded(area.width)} ${rounded(height)}`,
  };
  const font = { "font-family": theme.font, "font-size": 12, fill: "none" };
  return node("svg", { xmlns: "http://www.w3.org/2000/svg", ...size, ...font }, parts.join("\n"));
}

const dashed = (dash) => (dash.length ? { "stroke-dasharray": dash.join(" ") } : {});

function plotOf(panel, chart, clip) {
  const { plot, lines } = panel;
  const { config, theme } = chart;
  const ratio = uPlot.pxRatio;
  const box = Object.fromEntries(["left", "top", "width", "height"].map((side) => [side, plot.bbox[side] / ratio]));
  const parts = [
    node("clipPath", { id: clip }, node("rect", { x: box.left, y: box.top, width: box.width, height: box.height })),
    ...gridOf(plot, box, theme),
  ];
  if (panel.isAlone) {
    parts.push(
      text(box.left + box.width / 2, plot.height - 4, config.xLabel, { fill: theme.muted, "text-anchor": "middle" }),
    );
    const side = `rotate(-90 12 ${rounded(box.top + box.height / 2)})`;
    parts.push(
      text(12, box.top + box.height / 2, config.yLabel, {
        fill: theme.muted,
        "text-anchor": "middle",
        transform: side,
      }),
    );
  } else {
    parts.push(text(box.left, -4, panel.owner, { fill: theme.text, "font-weight": 600 }));
  }
  const drawn = lines.map((line, i) => [line, i]).filter(([, i]) => plot.series[i + 1].show);
  const shapes = drawn.flatMap(([line]) => shapesOf(line, panel, chart, box));
  parts.push(node("g", { "clip-path": `url(#${clip})` }, shapes.join("")), ...marksOf(panel, chart, box));
  return parts.join("\n");
}

function gridOf(plot, box, theme) {
  const [across, up] = plot.axes.map(({ _splits, _values }, i) =>
    (_splits ?? []).map((value, k) => [plot.valToPos(value, i ? "y" : "x"), _values?.[k]])
  );
  const rule = (d) => node("path", { d, stroke: theme.hair });
  const small = { "font-size": 11, fill: theme.muted };
  return [
    ...across.flatMap(([x, words]) => [
      rule(`M${rounded(box.left + x)} ${rounded(box.top)}v${rounded(box.height)}`),
      words ? text(box.left + x, box.top + box.height + 15, words, { ...small, "text-anchor": "middle" }) : "",
    ]),
    ...up.flatMap(([y, words]) => [
      rule(`M${rounded(box.left)} ${rounded(box.top + y)}h${rounded(box.width)}`),
      words ? text(box.left - 7, box.top + y + 4, words, { ...small, "text-anchor": "end" }) : "",
    ]),
  ];
}

// A line, with what is shaded below it, or down to another line.
function shapesOf(line, panel, { config, theme }, box) {
  const color = colorOf(line, theme);
  const toPoint = pointsOf(panel.plot, box);
  const path = pathOf(line, toPoint);
  const shapes = [];
  if (line.fill && path) {
    const [first, ...rest] = path.slice(1).split(/[ML]/);
    const end = rest.at(-1) ?? first;
    const low = rounded(box.top + box.height);
    shapes.push(
      node("path", { d: `${path}L${end.split(" ")[0]} ${low}L${first.split(" ")[0]} ${low}Z`, fill: `${color}22` }),
    );
  }
  if (line.bandTo !== null) {
    const low = config.series[line.bandTo];
    const back = { x: Array.from(low.x).reverse(), y: Array.from(low.y).reverse() };
    shapes.push(node("path", { d: `${path}${pathOf(back, toPoint).replaceAll("M", "L")}Z`, fill: `${color}26` }));
  }
  const dash = panel.isAlone ? line.dash : [];
  shapes.push(node("path", { d: path, stroke: color, "stroke-width": line.width, ...dashed(dash) }));
  return shapes;
}

const pointsOf = (plot, box) => (x, y) => [
  rounded(box.left + plot.valToPos(x, "x")),
  rounded(box.top + plot.valToPos(y, "y")),
];

// "M0 1L2 3", begun anew after every gap.
export function pathOf({ x, y }, toPoint) {
  let [path, isOpen] = ["", false];
  for (let i = 0; i < x.length; i += 1) {
    if (y[i] === null) isOpen = false;
    else {
      path += `${isOpen ? "L" : "M"}${toPoint(x[i], y[i]).join(" ")}`;
      isOpen = true;
    }
  }
  return path;
}

function marksOf(panel, { theme }, box) {
  const toPoint = pointsOf(panel.plot, box);
  return panel.marks.flatMap((mark) => {
    const [x, , kind] = mark;
    const color = theme.marks[kind] ?? theme.muted;
    const [left] = toPoint(x, 0);
    if (left < box.left - 1 || left > box.left + box.width + 1) return [];
    const words = text(left + 6, box.top - 3, wordsOf(mark, panel), { "font-size": 10.5, fill: color });
    const lines = linesOf(mark, panel);
    if (!lines.length) {
      const d = `M${left} ${rounded(box.top)}v${rounded(box.height)}`;
      return [node("path", { d, stroke: color, "stroke-dasharray": "3 3" }), words];
    }
    const points = lines.map(({ x: xs, y: ys }) => toPoint(x, ys[nearest(xs, x)] ?? NaN)).filter((at) =>
      at.every(Number.isFinite)
    );
    return [...points.map(([at, y]) => node("path", { d: `M${at} ${y - 4}l4 4l-4 4l-4 -4z`, fill: color })), words];
  });
}
