// What uPlot is told of a chart.

import { axisWidth, dashedPaths, drawFaint, drawMarks } from "./canvas.js";
import { lonely, placeAt } from "./lines.js";
import { increments, powersOfTen, tick } from "./numbers.js";
import { colorOf } from "./theme.js";

// `chart`: a LiveChart, whose data are asked for as they are when uPlot asks; everything else is as it is now.
export function optionsOf(chart, width, height) {
  const { series, logY, yRange } = chart.config;
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 10, 0, 0],
    scales: {
      x: { time: false },
      y: { distr: logY ? 3 : 1, range: (_, low, high) => limits(low, high, logY, yRange) },
    },
    axes: axesOf(chart.config, chart.theme, height),
    series: [{}, ...series.map((line, position) => lineOf(chart, line, position))],
    bands: series.flatMap((line, i) =>
      line.bandTo === null ? [] : [{ series: [i + 1, line.bandTo + 1], fill: colorOf(line, chart.theme) + "26" }]
    ),
    cursor: cursorOf(chart),
    hooks: {
      setSelect: [(plot) => chart.onSelect(plot)],
      setCursor: [(plot) => chart.showTip(plot)],
      drawSeries: [(plot, index) => drawBetweenDashes(chart, plot, index)],
      draw: [(plot) => drawMarks(plot, chart.config.marks, chart.theme)],
    },
  };
}

// Of the y axis: `fixed` at either end where it is told, else what the data need.
function limits(low, high, logY, fixed) {
  if (low === null || low === undefined) return logY ? [0.1, 1] : [0, 1];
  const [auto0, auto1] = logY ? uPlot.rangeLog(low, high, 10, false) : uPlot.rangeNum(low, high, 0.06, true);
  const [fixed0, fixed1] = fixed ?? [null, null];
  return [logY && fixed0 <= 0 ? auto0 : fixed0 ?? auto0, fixed1 ?? auto1];
}

const WORD = 6.6; // of a letter of a label, on average, in pixels

function axesOf({ xLabel, yLabel, logY, text }, theme, height) {
  const font = `${11 * text}px ${theme.font}`;
  const axis = {
    stroke: theme.muted,
    font,
    labelFont: `${12 * text}px ${theme.font}`,
    labelSize: 18 * text,
    labelGap: 0,
    gap: 4,
    grid: { stroke: theme.hair, width: 1 },
    ticks: { stroke: theme.hair, width: 1, size: 4 },
    values: (_, splits) => splits.map(tick),
  };
  const decades = (lines) => (logY ? { ...lines, filter: (_, splits) => powersOfTen(splits) } : lines);
  return [
    {
      ...axis,
      label: xLabel,
      size: 26 * text,
      space: 64 * text,
      incrs: (_plot, _axis, low, high) => increments(low, high),
    },
    {
      ...axis,
      grid: decades(axis.grid),
      ticks: decades(axis.ticks),
      label: yLabel.length * WORD * text < height - 40 * text ? yLabel : "", // cut off, it says less than the title
      size: (plot, values) => axisWidth(plot, values, font),
      space: 32 * text,
    },
  ];
}

function lineOf(chart, line, position) {
  const color = colorOf(line, chart.theme);
  const isStriped = line.dash.length > 0 && !line.fill;
  return {
    label: line.name,
    show: chart.isShown(line),
    stroke: color,
    width: line.width,
    dash: line.fill ? line.dash.map((length) => length * uPlot.pxRatio) : undefined,
    paths: isStriped ? (...place) => stripes(chart, line.dash, ...place) : undefined,
    fill: line.fill ? color + "22" : undefined,
    spanGaps: false,
    // Asked again whenever data arrive: a dot where a value has no neighbour to draw a line to.
    points: { show: false, filter: (plot) => dots(plot, chart.config.series[position]), size: 6, fill: color },
  };
}

function stripes(chart, dash, plot, index, from, to) {
  const paths = uPlot.paths.linear()(plot, index, from, to);
  chart.faint.set(index, paths);
  return dashedPaths(plot, paths, dash);
}

function drawBetweenDashes(chart, plot, index) {
  const paths = chart.faint.get(index);
  if (!paths || !plot.series[index].show) return;
  const line = chart.config.series[index - 1];
  drawFaint(plot, paths, colorOf(line, chart.theme), line.width);
}

// Places in the joined data of values between gaps; null without any.
function dots(plot, { x, y }) {
  const places = lonely(y).map((i) => plot.valToIdx(x[i]));
  return places.length ? places : null;
}

function cursorOf(chart) {
  const { sync } = chart.config;
  return {
    y: false,
    drag: { x: true, y: false, setScale: false, dist: 4 },
    points: { size: 7, width: 1.5, stroke: () => chart.theme.background },
    dataIdx: (
      plot,
      index,
      _,
      x,
    ) => (index === 0 ? plot.valToIdx(x) : joinedIndex(plot, chart.config.series[index - 1], x)),
    sync: sync
      ? {
        key: sync,
        setSeries: false,
        scales: ["x", null],
        filters: { pub: (type) => /^mouse(move|leave)$/.test(type) },
      }
      : undefined,
    bind: { dblclick: () => () => chart.setZoom(null) },
  };
}

function joinedIndex(plot, line, x) {
  const i = placeAt(line, x, (value) => plot.valToPos(value, "x"));
  return i === null ? null : plot.valToIdx(line.x[i]);
}
