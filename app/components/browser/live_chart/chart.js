// One chart: everything a reader has chosen (zoom, hidden entries) lives in it and outlasts data.

import { saveFile, saveImage } from "../dom.js";
import { imageOf } from "./canvas.js";
import { buildFrame, showWords } from "./frame.js";
import { leastHeight } from "./grid.js";
import { commandOf } from "./keys.js";
import { legendOf } from "./legend.js";
import { extent, latest, spanBetween, unpack } from "./lines.js";
import { Panels } from "./panels.js";
import { svgOf } from "./svg.js";
import { readTheme } from "./theme.js";
import { showTip } from "./tip.js";
import { sentenceOf } from "./words.js";

const living = new Set(); // the charts on the page
const HEAD_AND_LEGEND = 58; // CSS pixels around the plots
const PROJECTED = 1.6; // times as large are words in full screen

export class LiveChart {
  setStateValue; // Streamlit's, given with every message
  setTriggerValue;

  constructor(root) {
    this.root = root;
    this.hidden = { term: new Set(), run: new Set() };
    this.zoom = null; // [low, high] along x while zoomed
    this.nodes = buildFrame(root, {
      reset: () => this.setZoom(null),
      fill: () => this.fillScreen(),
      png: () => this.exportImage(),
      svg: () => this.exportDrawing(),
    });
    this.root.addEventListener("fullscreenchange", () => this.onScreen());
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
    this.size();
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

  // The height that was asked for, or more where small charts need it; in full screen words are larger.
  size() {
    const { height, panels, text, series } = this.config;
    const isFull = this.root.matches(":fullscreen");
    const least = leastHeight(panels.length, this.root.clientWidth, text);
    const asked = typeof height === "number" ? `${height}px` : height;
    this.root.style.height = isFull ? "" : least ? `max(${asked}, ${least + HEAD_AND_LEGEND * text}px)` : asked;
    if (isFull) this.config.text = text * PROJECTED;
    this.root.style.setProperty("--text", this.config.text);
    const counts = ["term", "owner"].map((field) => new Set(series.map((line) => line[field])).size);
    this.root.style.setProperty("--rows", 1 + Math.min(...counts)); // of the table at the cursor
  }

  // Everything but the data: as long as it stays, they are fed to the plot there is.
  look() {
    const { series, logY, yRange, xLabel, yLabel, sync, legend, text, panels } = this.config;
    const lines = series.map(({ x: _x, y: _y, ...line }) => line);
    return JSON.stringify([lines, logY, yRange, xLabel, yLabel, sync, legend, text, panels, this.theme]);
  }

  isShown = (line) => !this.hidden.term.has(line.term) && !this.hidden.run.has(line.run);

  showLegend() {
    const { series, legend } = this.config;
    const changed = () => {
      this.panels?.show(this.isShown);
      this.panels?.scale(this.extent()); // small charts share their y axis
    };
    this.nodes.legend.replaceChildren(...legendOf(this.config, this.theme, this.hidden, changed));
    this.nodes.legend.hidden = !legend || !series.length;
  }

  extent = () => extent(this.panels.reach, this.config.marks, this.zoom, this.config.xFrom);

  // Of all lines that are shown, lowest and highest of what x shows.
  spanOf = ({ min, max }) => spanBetween(this.config.series.filter(this.isShown), min ?? -Infinity, max ?? Infinity);

  feed() {
    if (!this.panels || !this.isDrawn) {
      this.rebuild();
      return;
    }
    this.panels.feed();
    this.panels.scale(this.extent());
  }

  rebuild() {
    this.panels?.destroy();
    this.panels = null;
    this.hideTip();
    this.nodes.plot.replaceChildren();
    const area = this.nodes.plot.getBoundingClientRect();
    if (!this.isDrawn || area.width < 60 || area.height < 60) return;
    this.drawnArea = `${area.width} ${area.height}`;
    this.panels = new Panels(this, this.nodes.plot, area);
    this.panels.scale(this.extent());
  }

  pick(x) {
    if (this.config.picks) this.setTriggerValue("picked", x);
  }

  resize() {
    const { width, height } = this.nodes.plot.getBoundingClientRect();
    if (!this.config || width < 60 || height < 60) return;
    if (!this.panels || this.drawnArea !== `${width} ${height}`) this.rebuild();
  }

  // The whole screen for this chart alone, as for a projector; Escape leads back.
  fillScreen() {
    if (this.root.matches(":fullscreen")) document.exitFullscreen();
    else this.root.requestFullscreen();
  }

  onScreen() {
    const isFull = this.root.matches(":fullscreen");
    this.nodes.showFull(isFull);
    this.config.text = isFull ? this.config.text : this.config.text / PROJECTED;
    this.size();
    this.drawnLook = this.look();
    this.showLegend();
    this.rebuild();
    if (isFull) this.nodes.plot.focus();
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
    this.panels?.scale(this.extent());
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
    const { series, key, panels } = this.config;
    this.nodes.resetButton.hidden = !this.zoom;
    Object.assign(this.root.dataset, {
      key,
      points: series.reduce((sum, line) => sum + line.x.length, 0),
      series: series.length,
      panels: JSON.stringify(panels),
      zoomed: String(Boolean(this.zoom)),
      last: JSON.stringify(latest(series)),
      marks: JSON.stringify(this.config.marks.map((mark) => [mark[0], sentenceOf(mark), ...mark.slice(2)])),
    });
  }

  onKey(event) {
    if (event.key === "Escape" && this.root.matches(":fullscreen")) {
      document.exitFullscreen();
      event.stopPropagation();
      return;
    }
    if (!this.panels) return;
    const plot = this.panels.first;
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

  // The chart under the pointer, if that is another one.
  get leader() {
    return [...living].find((each) => each !== this && each.root.matches(":hover")) ?? null;
  }

  showTip(plot) {
    if (this.panels) showTip(this, plot);
  }

  hideTip() {
    if (this.nodes.tip.matches(":popover-open")) this.nodes.tip.hidePopover();
  }

  exportImage() {
    if (!this.panels) return;
    const { title, series, key } = this.config;
    saveImage(imageOf(this, title, series.filter(this.isShown)), key);
  }

  exportDrawing() {
    if (this.panels) saveFile(new Blob([svgOf(this)], { type: "image/svg+xml" }), `${this.config.key}.svg`);
  }

  destroy() {
    living.delete(this);
    this.observer.disconnect();
    this.hideTip();
    this.panels?.destroy();
  }
}
