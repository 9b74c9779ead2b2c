// What uPlot is told of a chart.

import { axisWidth, dashedPaths, drawFaint, drawMarks } from "./canvas.js";
import { lonely, placeAt } from "./lines.js";
import { AXIS, MARGIN, TICKS } from "./grid.js";
import { increments, powersOfTen, tick } from "./numbers.js";
import { colorOf } from "./theme.js";

// `chart`: a LiveChart, whose data are asked for as they are when uPlot asks; everything else is as it is now. `panel`: the
// one of its plots that is meant, with its `lines` and its size.
export function optionsOf(chart, panel) {
  const { logY, yRange } = chart.config;
  // Small plots have one y axis: it reaches as far as the lines of all of them.
  const span = (plot, low, high) => (panel.isAlone ? [low, high] : chart.spanOf(plot.scales.x));
  return {
    width: panel.cell.width,
    height: panel.cell.height,
    legend: { show: false },
    padding: [MARK_ROOM * chart.config.text, 10, 0, panel.cell.isFirst ? 0 : MARGIN],
    scales: {
      x: { time: false },
      y: { distr: logY ? 3 : 1, range: (plot, ...own) => limits(...span(plot, ...own), logY, yRange) },
    },
    axes: axesOf(chart.config, chart.theme, panel),
    series: [{}, ...panel.lines.map((line, place) => lineOf(chart, panel, line, place))],
    bands: panel.lines.flatMap((line, i) => {
      const low = panel.places.indexOf(line.bandTo);
      return low < 0 ? [] : [{ series: [i + 1, low + 1], fill: colorOf(line, chart.theme) + "26" }];
    }),
    cursor: cursorOf(chart, panel),
    hooks: {
      setSelect: [(plot) => chart.onSelect(plot)],
      setCursor: [(plot) => chart.showTip(plot)],
      drawSeries: [(plot, index) => drawBetweenDashes(panel, plot, index)],
      draw: [(plot) => drawMarks(plot, panel, chart)],
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

const MARK_ROOM = 15; // CSS pixels above the plot, for the words of marks
const WORD = 6.6; // of a letter of a label, on average, in pixels

const none = (_, splits) => splits.map(() => null);

function axesOf({ xLabel, yLabel, logY, text }, theme, { isAlone, cell: { height, isFirst, isLast } }) {
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
      ...(isLast ? {} : { values: none, ticks: { show: false } }),
      label: isAlone ? xLabel : undefined,
      size: isLast ? TICKS * text : 0,
      space: 64 * text,
      incrs: (_plot, _axis, low, high) => increments(low, high),
    },
    {
      ...axis,
      grid: decades(axis.grid),
      ticks: decades(axis.ticks),
      ...(isFirst ? {} : { values: none }),
      // Cut off, it says less than the title.
      label: isAlone && yLabel.length * WORD * text < height - 40 * text ? yLabel : undefined,
      size: isAlone ? (plot, values) => axisWidth(plot, values, font) : isFirst ? AXIS * text : 0,
      space: (isAlone ? 32 : 24) * text,
    },
  ];
}

function lineOf(chart, panel, line, place) {
  const color = colorOf(line, chart.theme);
  const dash = dashOf(panel, line);
  const isStriped = dash.length > 0 && !line.fill;
  return {
    label: line.name,
    show: chart.isShown(line),
    stroke: color,
    width: line.width,
    dash: line.fill ? dash.map((length) => length * uPlot.pxRatio) : undefined,
    paths: isStriped ? (...where) => stripes(panel, dash, ...where) : undefined,
    fill: line.fill ? color + "22" : undefined,
    spanGaps: false,
    // Asked again whenever data arrive: a dot where a value has no neighbour to draw a line to.
    points: { show: false, filter: (plot) => dots(plot, panel.lines[place]), size: 6, fill: color },
  };
}

// A plot of one run needs no dash to tell it from others.
export const dashOf = ({ isAlone }, line) => (isAlone ? line.dash : []);

function stripes(panel, dash, plot, index, from, to) {
  const paths = uPlot.paths.linear()(plot, index, from, to);
  panel.faint.set(index, paths);
  return dashedPaths(plot, paths, dash);
}

function drawBetweenDashes(panel, plot, index) {
  const paths = panel.faint.get(index);
  if (!paths || !plot.series[index].show) return;
  const line = panel.lines[index - 1];
  drawFaint(plot, paths, colorOf(line, panel.chart.theme), line.width);
}

// Places in the joined data of values between gaps; null without any.
function dots(plot, { x, y }) {
  const places = lonely(y).map((i) => plot.valToIdx(x[i]));
  return places.length ? places : null;
}

function cursorOf(chart, panel) {
  const sync = chart.config.sync || (panel.isAlone ? "" : chart.config.key);
  return {
    y: false,
    drag: { x: true, y: false, setScale: false, dist: 4 },
    points: { size: 7, width: 1.5, stroke: () => chart.theme.background },
    dataIdx: (
      plot,
      index,
      _,
      x,
    ) => (index === 0 ? plot.valToIdx(x) : joinedIndex(plot, panel.lines[index - 1], x)),
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
