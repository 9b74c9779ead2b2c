// The plots of a chart: one with every line, or small ones of one size beside each other, each with the lines of one run.

import { element } from "../dom.js";
import { AXIS, cellsOf, MARGIN } from "./grid.js";
import { optionsOf } from "./options.js";

// One plot, which knows its lines by their places in the chart.
class Panel {
  constructor(chart, owner, cell, isAlone) {
    this.chart = chart;
    this.owner = owner;
    this.isAlone = isAlone;
    this.cell = cell; // its size, and where it stands
    this.places = [];
    chart.config.series.forEach((line, place) => {
      if (isAlone || !line.owner || line.owner === owner) this.places.push(place);
    });
    this.faint = new Map(); // index of a series -> paths of a dashed line as they are without dashes
  }

  get lines() {
    return this.places.map((place) => this.chart.config.series[place]);
  }

  get marks() {
    const { marks } = this.chart.config;
    return this.isAlone ? marks : marks.filter(([, , , owners]) => !owners.length || owners.includes(this.owner));
  }

  // Each line keeps its own x; uPlot wants one, where `undefined` marks a place that a line passes over.
  data() {
    const { lines } = this;
    return uPlot.join(lines.map((line) => [line.x, line.y]), lines.map(() => [0, 2]));
  }

  build(parent) {
    const frame = element("div", "panel");
    frame.style.width = `${this.cell.width}px`;
    if (!this.isAlone) {
      const name = element("div", "panel-name", this.owner);
      name.title = this.owner;
      name.style.paddingLeft = this.cell.isFirst ? `${AXIS * this.chart.config.text}px` : `${MARGIN}px`;
      frame.append(name);
    }
    parent.append(frame);
    this.plot = new uPlot(optionsOf(this.chart, this), this.data(), (plot, start) => {
      frame.append(plot.root);
      start();
    });
    // After uPlot's own listener, which keeps the click that ends a drag to itself.
    this.plot.over.addEventListener("click", ({ offsetX }) => this.chart.pick(this.plot.posToVal(offsetX, "x")));
  }
}

export class Panels {
  constructor(chart, parent, area) {
    const { panels, text, xLabel } = chart.config;
    const isAlone = panels.length < 2;
    const cells = cellsOf(panels.length, area, text);
    this.all = cells.map((cell, i) => new Panel(chart, panels[i] ?? "", cell, isAlone));
    for (const panel of this.all) panel.build(parent);
    if (!isAlone) parent.append(element("div", "x-label", xLabel));
    this.isAlone = isAlone;
  }

  get first() {
    return this.all[0].plot;
  }

  // First and last x of all points.
  get reach() {
    const ends = this.all.map(({ plot }) => plot.data[0]).filter((xs) => xs.length);
    return [Math.min(...ends.map((xs) => xs[0])), Math.max(...ends.map((xs) => xs[xs.length - 1]))];
  }

  feed() {
    for (const panel of this.all) panel.plot.setData(panel.data(), false);
  }

  scale(range) {
    for (const { plot } of this.all) plot.batch(() => plot.setScale("x", range));
  }

  show(isShown) {
    for (const panel of this.all) {
      panel.plot.batch(() => panel.lines.forEach((line, i) => panel.plot.setSeries(i + 1, { show: isShown(line) })));
    }
  }

  destroy() {
    for (const { plot } of this.all) {
      const frame = plot.root.parentNode;
      plot.destroy();
      frame?.remove();
    }
  }
}
