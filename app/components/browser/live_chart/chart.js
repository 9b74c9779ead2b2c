// One chart: everything a reader has chosen (zoom, hidden entries) lives in it and outlasts data.

import { saveImage } from "../dom.js";
import { imageOf } from "./canvas.js";
import { buildFrame, showWords } from "./frame.js";
import { commandOf } from "./keys.js";
import { legendOf } from "./legend.js";
import { extent, latest, unpack } from "./lines.js";
import { optionsOf } from "./options.js";
import { colorOf, readTheme } from "./theme.js";
import { showTip } from "./tip.js";

const living = new Set(); // the charts on the page

export class LiveChart {
  setStateValue; // Streamlit's, given with every message
  setTriggerValue;

  constructor(root) {
    this.root = root;
    this.hidden = { term: new Set(), run: new Set() };
    this.faint = new Map(); // series index -> paths of a dashed line as they are without dashes
    this.zoom = null; // [low, high] along x while zoomed
    this.nodes = buildFrame(root, { reset: () => this.setZoom(null), save: () => this.exportImage() });
    this.nodes.plot.addEventListener("keydown", (event) => this.onKey(event));
    this.nodes.plot.addEventListener("pointerdown", () => this.holdWhileDragging());
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.nodes.plot);
  }

  // New data must not move the plot under a drag: they wait for its end.
  holdWhileDragging() {
    this.dragging = true;
    const release = () => {
      this.dragging = false;
      if (this.pending) this.update(this.pending);
    };
    // After uPlot's own mouseup, which follows pointerup.
    window.addEventListener("pointerup", () => setTimeout(release), { once: true });
    window.addEventListener("pointercancel", () => setTimeout(release), { once: true });
  }

  update(message) {
    if (this.dragging) {
      this.pending = message;
      return;
    }
    const started = performance.now();
    this.pending = null;
    const isNew = !this.config;
    this.config = unpack(message);
    if (isNew) this.joinZoom();
    const { height } = this.config;
    this.root.style.height = typeof height === "number" ? `${height}px` : height;
    this.root.style.setProperty("--text", this.config.text);
    this.theme = readTheme(this.root, this.nodes.note);
    this.isDrawn = this.config.series.some((line) => line.y.some((y) => y !== null));
    showWords(this.nodes, this.config, this.isDrawn);
    const look = this.look();
    if (look !== this.drawnLook) {
      this.drawnLook = look;
      this.showLegend();
      this.rebuild();
    } else {
      this.feed();
    }
    this.publish();
    this.root.dataset.tickMs = (performance.now() - started).toFixed(2);
  }

  // Everything but the data: as long as it stays, they are fed to the plot there is.
  look() {
    const { series, logY, yRange, xLabel, yLabel, sync, legend, text } = this.config;
    const lines = series.map(({ x: _x, y: _y, ...line }) => line);
    return JSON.stringify([lines, logY, yRange, xLabel, yLabel, sync, legend, text, this.theme]);
  }

  isShown = (line) => !this.hidden.term.has(line.term) && !this.hidden.run.has(line.run);

  showLegend() {
    const { series, legend } = this.config;
    const changed = () =>
      this.uplot?.batch(() => {
        this.config.series.forEach((line, i) => this.uplot.setSeries(i + 1, { show: this.isShown(line) }));
      });
    this.nodes.legend.replaceChildren(...legendOf(this.config, this.theme, this.hidden, changed));
    this.nodes.legend.hidden = !legend || !series.length;
  }

  // Each line keeps its own x; uPlot wants one, where `undefined` marks a place that a line passes over.
  joined() {
    const { series } = this.config;
    return uPlot.join(series.map((line) => [line.x, line.y]), series.map(() => [0, 2]));
  }

  extent = (data) => extent(data[0], this.config.marks, this.zoom);

  feed() {
    if (!this.uplot || !this.isDrawn) {
      this.rebuild();
      return;
    }
    const data = this.joined();
    this.uplot.batch((plot) => {
      plot.setData(data, false);
      plot.setScale("x", this.extent(data));
    });
  }

  rebuild() {
    this.uplot?.destroy();
    this.uplot = null;
    this.faint.clear();
    this.nodes.tip.hidden = true;
    const { width, height } = this.nodes.plot.getBoundingClientRect();
    if (!this.isDrawn || width < 60 || height < 60) return;
    const data = this.joined();
    this.uplot = new uPlot(optionsOf(this, width, height), data, (plot, start) => {
      this.nodes.plot.append(plot.root);
      start();
    });
    this.uplot.batch((plot) => plot.setScale("x", this.extent(data)));
    // After uPlot's own listener, which keeps the click that ends a drag to itself.
    this.uplot.over.addEventListener("click", ({ offsetX }) => this.pick(this.uplot.posToVal(offsetX, "x")));
  }

  pick(x) {
    if (this.config.picks) this.setTriggerValue("picked", x);
  }

  resize() {
    const { width, height } = this.nodes.plot.getBoundingClientRect();
    if (!this.config || width < 60 || height < 60) return;
    if (!this.uplot) this.rebuild();
    else if (width !== this.uplot.width || height !== this.uplot.height) this.uplot.setSize({ width, height });
  }

  onSelect(plot) {
    const { left, width } = plot.select;
    if (width <= 0) return;
    const range = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.setZoom(range);
  }

  setZoom(range) {
    if (!range && !this.zoom) return;
    this.applyZoom(range);
    for (const other of this.companions()) other.applyZoom(range);
  }

  applyZoom(range) {
    this.zoom = range;
    this.uplot?.batch((plot) => plot.setScale("x", this.extent(plot.data)));
    this.publish();
    this.setStateValue("zoom", range);
  }

  // Charts on the page that are zoomed together with this one.
  companions() {
    const group = this.config.zoomGroup;
    return group ? [...living].filter((each) => each !== this && each.config?.zoomGroup === group) : [];
  }

  // A new chart is zoomed as its companions are, else as the one of the same key was whose place it takes.
  joinZoom() {
    living.add(this);
    const companions = this.companions();
    this.zoom = (companions.length ? companions.find((each) => each.zoom)?.zoom : this.config.zoom) ?? null;
    if (this.zoom) this.setStateValue("zoom", this.zoom);
  }

  // What tests, and other scripts, may read of a chart.
  publish() {
    const { series, key } = this.config;
    this.nodes.resetButton.hidden = !this.zoom;
    Object.assign(this.root.dataset, {
      key,
      points: series.reduce((sum, line) => sum + line.x.length, 0),
      series: series.length,
      zoomed: String(Boolean(this.zoom)),
      last: JSON.stringify(latest(series)),
      marks: JSON.stringify(this.config.marks),
    });
  }

  onKey(event) {
    const plot = this.uplot;
    if (!plot) return;
    const { min, max } = plot.scales.x;
    const xs = plot.data[0];
    const command = commandOf(event.key, {
      ...{ xs, min, max, first: plot.valToIdx(min), last: plot.valToIdx(max) },
      index: plot.cursor.idx ?? null,
      x: plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : null,
      isZoomed: Boolean(this.zoom),
    });
    if (!command) return;
    if (command.move !== undefined) {
      const left = plot.valToPos(xs[command.move], "x");
      plot.setCursor({ left, top: plot.over.clientHeight / 2 }, true, true);
      this.nodes.spoken.textContent = this.nodes.tip.innerText;
    }
    if (command.zoom !== undefined) this.setZoom(command.zoom);
    if (command.pick !== undefined) this.pick(command.pick);
    if (command.leave) plot.setCursor({ left: -10, top: -10 }, true, true);
    event.preventDefault();
    event.stopPropagation(); // what the keys do elsewhere on the page
  }

  showTip(plot) {
    showTip(this.nodes.tip, this.nodes.plot, plot, this.config, this.theme, this.isShown);
  }

  exportImage() {
    if (!this.uplot) return;
    const { title, series, key } = this.config;
    const shown = series.filter(this.isShown);
    saveImage(imageOf(this.uplot, title, shown, this.theme, (line) => colorOf(line, this.theme)), key);
  }

  destroy() {
    living.delete(this);
    this.observer.disconnect();
    this.uplot?.destroy();
  }
}
