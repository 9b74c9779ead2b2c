// The engine of the live charts. live_chart.py puts `uPlot` and `STYLES` before this text.
// One LiveChart per mounted element; everything a reader has chosen (zoom, hidden entries) lives in it and outlasts data.

const charts = new WeakMap(); // root element -> LiveChart
const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLES);

const ICONS = {
  export: "M8 2v8M4.8 7 8 10.2 11.2 7M2.5 12.5v1h11v-1",
  reset: "M2.5 6V2.5H6M13.5 10v3.5H10M13.5 6V2.5H10M2.5 10v3.5H6",
};
const KIND_COLORS = { change: "--st-violet-color", warning: "--st-orange-color", error: "--st-red-color" };

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

function drawing(className, width, height, shape) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-hidden", "true");
  const node = document.createElementNS("http://www.w3.org/2000/svg", shape.tag);
  for (const [name, value] of Object.entries(shape)) if (name !== "tag") node.setAttribute(name, value);
  svg.append(node);
  return svg;
}

const chip = (color) => drawing("chip", 10, 10, { tag: "rect", width: 10, height: 10, rx: 3, fill: color });
const sample = (color, { dash, width }) =>
  drawing("sample", 26, 10, {
    tag: "path",
    d: "M0 5h26",
    stroke: color,
    "stroke-width": Math.min(width + 0.25, 2),
    "stroke-dasharray": dash,
  });
// Of runs told apart by dash alone: a narrow line is a pale one in the chart.
const ink = ({ width }) => (width < 1.5 ? "color-mix(in srgb, currentColor 45%, transparent)" : "currentColor");

function number(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return value.toExponential(3);
  if (Number.isInteger(value) || size >= 1e4) return Math.round(value).toLocaleString("en-US");
  return value.toPrecision(4); // as many digits in every row
}

function tick(value) {
  if (value === null) return null;
  const size = Math.abs(value);
  if (size >= 1e4) return value.toLocaleString("en-US", { notation: "compact", maximumFractionDigits: 3 });
  if (size !== 0 && size < 1e-3) return value.toExponential().replace("e-", "e−");
  return Number(value.toPrecision(6)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}

// Of a log axis' many lines, those at powers of ten.
const decades = (lines) => ({
  ...lines,
  filter: (_, splits) => splits.map((split) => (Number.isInteger(Number(Math.log10(split).toFixed(9))) ? split : null)),
});

// See `pack` in live_chart.py. The bytes are copied once, because they start at any address within the message.
function unpack(message) {
  const buffer = message.slice().buffer;
  const length = new DataView(buffer).getUint32(0, true);
  const config = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const columns = config.columns.map(([size, offset, count]) => {
    const Kind = size === 8 ? Float64Array : Float32Array;
    return new Kind(buffer, 4 + length + offset, count);
  });
  for (const line of config.series) {
    line.x = columns[line.x];
    line.y = columns[line.y];
    if (!line.y.every((y) => Number.isFinite(y) && !(config.logY && y <= 0))) {
      line.y = Array.from(line.y, (y) => (Number.isFinite(y) && !(config.logY && y <= 0) ? y : null)); // null is a gap
    }
  }
  delete config.columns;
  return config;
}

// Index in ascending `xs` of the value nearest to `x`.
function nearest(xs, x) {
  let low = 0;
  let high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle;
    else high = middle;
  }
  return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
}

const living = new Set(); // the charts on the page

class LiveChart {
  constructor(root, setStateValue) {
    this.root = root;
    this.setStateValue = setStateValue;
    this.hidden = { term: new Set(), run: new Set() };
    this.faint = new Map(); // series index -> path and gaps of a dashed line
    this.zoom = null; // [low, high] along x while zoomed
    this.buildFrame();
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.plot);
  }

  buildFrame() {
    const head = element("div", "head");
    const words = element("div", "words");
    this.title = element("span", "title");
    this.note = element("span", "note");
    words.append(this.title, this.note);
    const tools = element("div", "tools");
    this.resetButton = this.tool("reset", "Show everything (double click)", () => this.setZoom(null));
    this.resetButton.hidden = true;
    tools.append(this.resetButton, this.tool("export", "Save as PNG", () => this.exportImage()));
    head.append(words, tools);
    const body = element("div", "body");
    this.plot = element("div", "plot");
    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "group");
    this.plot.setAttribute("aria-roledescription", "chart");
    this.plot.addEventListener("keydown", (event) => this.onKey(event));
    this.plot.addEventListener("pointerdown", () => this.holdWhileDragging());
    this.empty = element("div", "empty");
    this.tip = element("div", "tip");
    this.tip.hidden = true;
    body.append(this.plot, this.empty, this.tip);
    this.legend = element("div", "legend");
    this.spoken = element("div", "spoken");
    this.spoken.setAttribute("aria-live", "polite");
    this.root.replaceChildren(head, body, this.legend, this.spoken);
  }

  tool(icon, label, action) {
    const button = element("button");
    button.type = "button";
    button.title = label;
    button.setAttribute("aria-label", label);
    button.append(drawing("", 16, 16, { tag: "path", d: ICONS[icon] }));
    button.onclick = action;
    return button;
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
    this.root.style.height = `${this.config.height}px`;
    this.root.style.setProperty("--text", this.config.text);
    this.readTheme();
    const { series, logY, yRange, xLabel, yLabel, sync, text } = this.config;
    const looks = series.map((line) => [line.name, line.run, line.term, line.color, line.dash, line.width, line.fill, line.bandTo]);
    const shape = JSON.stringify([looks, logY, yRange, xLabel, yLabel, sync, this.config.legend, text, this.colors]);
    this.finite = series.some((line) => line.y.some((y) => y !== null));
    this.showWords();
    if (shape !== this.shape) {
      this.shape = shape;
      this.showLegend();
      this.rebuild();
    } else {
      this.feed();
    }
    this.publish();
    this.root.dataset.tickMs = (performance.now() - started).toFixed(2);
  }

  readTheme() {
    const style = getComputedStyle(this.root);
    const color = (name) => style.getPropertyValue(name).trim();
    const probe = getComputedStyle(this.note);
    const background = color("--st-background-color");
    const [red, green, blue] = (background.match(/^#(..)(..)(..)/) ?? []).slice(1).map((hex) => parseInt(hex, 16));
    const dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
    this.colors = { dark, background, text: color("--st-text-color"), muted: probe.color, font: style.fontFamily };
    this.colors.hair = dark ? "rgba(255,255,255,0.10)" : "rgba(0,0,0,0.09)";
    this.colors.marks = Object.fromEntries(Object.entries(KIND_COLORS).map(([kind, name]) => [kind, color(name)]));
  }

  colorOf = (line) => line.color[this.colors.dark ? 1 : 0];
  isShown = (line) => !this.hidden.term.has(line.term) && !this.hidden.run.has(line.run);

  showWords() {
    const { title, help, note, series, xLabel, yLabel, logY } = this.config;
    this.title.textContent = title;
    this.title.title = help;
    this.title.classList.toggle("term", Boolean(help));
    this.note.textContent = this.note.title = this.finite ? note : "";
    const reason = logY && series.some((line) => line.y.length) ? "No positive values to draw on a log axis" : "No data yet";
    this.empty.textContent = note || reason;
    this.empty.hidden = this.finite;
    this.plot.setAttribute(
      "aria-label",
      `${title || yLabel}: ${yLabel} by ${xLabel}, ${series.length} lines. ${help} ` +
        "Arrow keys read values, plus and minus zoom, Escape shows everything." +
        (this.config.picks ? " Enter chooses the step." : "")
    );
  }

  // Terms by colour and runs by dash where both tell lines apart; one list otherwise.
  showLegend() {
    const { series, legend } = this.config;
    // The first of the widest lines stands for an entry: pale ones beside them are narrower.
    const widest = [...series].reverse().sort((a, b) => a.width - b.width);
    const first = (field) => [...new Map(widest.map((line) => [line[field], line])).values()].reverse();
    const [terms, runs] = [first("term"), first("run").filter((line) => line.run)];
    const parts = [];
    const byRun = runs.length > 1;
    if (terms.length > 1 || !byRun) parts.push(this.legendPart("term", terms, "Terms shown", byRun));
    if (byRun) parts.push(this.legendPart("run", runs, "Runs shown", terms.length > 1));
    this.legend.replaceChildren(...parts);
    this.legend.hidden = !legend || !series.length;
  }

  legendPart(field, lines, label, isHalf) {
    const part = element("div", "part");
    part.setAttribute("role", "group");
    part.setAttribute("aria-label", label);
    for (const line of lines) {
      const button = element("button");
      button.type = "button";
      const about = field === "term" ? this.config.about[line[field]] : "";
      button.title = [about, `Click to show or hide ${line[field]}.`].filter(Boolean).join(" ");
      button.setAttribute("aria-pressed", String(!this.hidden[field].has(line[field])));
      const isTerm = field === "term";
      const color = isHalf && !isTerm ? ink(line) : this.colorOf(line);
      button.append(isHalf && isTerm ? chip(color) : sample(color, line), element("span", "", line[field]));
      button.onclick = () => {
        const hidden = this.hidden[field];
        if (!hidden.delete(line[field])) hidden.add(line[field]);
        button.setAttribute("aria-pressed", String(!hidden.has(line[field])));
        this.uplot?.batch(() => {
          this.config.series.forEach((each, i) => this.uplot.setSeries(i + 1, { show: this.isShown(each) }));
        });
      };
      part.append(button);
    }
    return part;
  }

  // Each line keeps its own x; uPlot wants one, where `undefined` marks a place that a line passes over.
  joined() {
    const { series } = this.config;
    return uPlot.join(series.map((line) => [line.x, line.y]), series.map(() => [0, 2]));
  }

  // A mark of the latest step lies one step after the last point: it must be seen as well.
  extent(data) {
    const xs = data[0];
    if (this.zoom) return { min: this.zoom[0], max: this.zoom[1] };
    const [low, high] = [xs[0], Math.max(xs[xs.length - 1], ...this.config.marks.map((mark) => mark[0]))];
    return low < high ? { min: low, max: high } : { min: low - 1, max: low + 1 };
  }

  feed() {
    if (!this.uplot || !this.finite) {
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
    this.tip.hidden = true;
    const { width, height } = this.plot.getBoundingClientRect();
    if (!this.finite || width < 60 || height < 60) return;
    const data = this.joined();
    this.uplot = new uPlot(this.options(width, height), data, (plot, start) => {
      this.plot.append(plot.root);
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
    const { width, height } = this.plot.getBoundingClientRect();
    if (!this.config || width < 60 || height < 60) return;
    if (!this.uplot) this.rebuild();
    else if (width !== this.uplot.width || height !== this.uplot.height) this.uplot.setSize({ width, height });
  }

  options(width, height) {
    const { series, xLabel, yLabel, yRange, logY, sync, text } = this.config;
    const font = `${11 * text}px ${this.colors.font}`;
    const axis = {
      stroke: this.colors.muted,
      font,
      labelFont: `${12 * text}px ${this.colors.font}`,
      labelSize: 18 * text,
      labelGap: 0,
      gap: 4,
      grid: { stroke: this.colors.hair, width: 1 },
      ticks: { stroke: this.colors.hair, width: 1, size: 4 },
      values: (_, splits) => splits.map(tick),
    };
    const range = (_, low, high) => {
      if (low == null) return logY ? [0.1, 1] : [0, 1];
      const [auto0, auto1] = logY ? uPlot.rangeLog(low, high, 10, false) : uPlot.rangeNum(low, high, 0.06, true);
      const [fixed0, fixed1] = yRange ?? [null, null];
      return [logY && fixed0 <= 0 ? auto0 : fixed0 ?? auto0, fixed1 ?? auto1];
    };
    return {
      width,
      height,
      legend: { show: false },
      padding: [8, 10, 0, 0],
      scales: { x: { time: false }, y: { distr: logY ? 3 : 1, range } },
      axes: [
        { ...axis, label: xLabel, size: 26 * text, space: 64 * text },
        {
          ...axis,
          ...(logY ? { grid: decades(axis.grid), ticks: decades(axis.ticks) } : {}),
          label: yLabel,
          size: (plot, values) => this.axisWidth(plot, values, font),
          space: 32 * text,
        },
      ],
      series: [
        {},
        ...series.map((line, position) => ({
          label: line.name,
          show: this.isShown(line),
          stroke: this.colorOf(line),
          width: line.width,
          dash: line.fill ? line.dash.map((length) => length * uPlot.pxRatio) : undefined,
          paths: line.dash.length && !line.fill ? (...place) => this.dashedPaths(line, ...place) : undefined,
          fill: line.fill ? this.colorOf(line) + "22" : undefined,
          spanGaps: false,
          // Asked again whenever data arrive: a dot where a value has no neighbour to draw a line to.
          points: { show: false, filter: (plot) => this.isolated(plot, position), size: 6, fill: this.colorOf(line) },
        })),
      ],
      bands: series.flatMap((line, i) =>
        line.bandTo === null ? [] : [{ series: [i + 1, line.bandTo + 1], fill: this.colorOf(line) + "26" }]
      ),
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false, dist: 4 },
        points: { size: 7, width: 1.5, stroke: () => this.colors.background },
        dataIdx: (plot, index, _, x) => (index === 0 ? plot.valToIdx(x) : this.joinedIndex(plot, index, x)),
        sync: sync
          ? { key: sync, setSeries: false, scales: ["x", null], filters: { pub: (type) => /^mouse(move|leave)$/.test(type) } }
          : undefined,
        bind: { dblclick: () => () => this.setZoom(null) },
      },
      hooks: {
        setSelect: [(plot) => this.onSelect(plot)],
        setCursor: [(plot) => this.showTip(plot)],
        drawSeries: [(plot, index) => this.drawFaint(plot, index)],
        draw: [(plot) => this.drawMarks(plot)],
      },
    };
  }

  // Dashes of a noisy line melt into its zigzag when they follow the path, so here they follow x: the line is cut into
  // stripes, and what lies between them is drawn faintly, lest a spike of one step fall into a gap unseen.
  dashedPaths(line, plot, index, from, to) {
    const paths = uPlot.paths.linear()(plot, index, from, to);
    this.faint.set(index, { stroke: paths.stroke, clip: paths.clip });
    const { left, top, width, height } = plot.bbox;
    const gaps = [...(paths.gaps ?? [])];
    for (let x = left, i = 0; x < left + width; i += 1) {
      const end = x + line.dash[i % line.dash.length] * uPlot.pxRatio;
      if (i % 2) gaps.push([x, end]);
      x = end;
    }
    gaps.sort((a, b) => a[0] - b[0]);
    const apart = [];
    for (const [low, high] of gaps) {
      const last = apart[apart.length - 1];
      if (last && low <= last[1]) last[1] = Math.max(last[1], high);
      else apart.push([low, high]);
    }
    paths.clip = uPlot.clipGaps(apart, 0, left, top, width, height);
    return paths;
  }

  drawFaint(plot, index) {
    const faint = this.faint.get(index);
    if (!faint || !plot.series[index].show) return;
    const { ctx, bbox } = plot;
    const line = this.config.series[index - 1];
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    if (faint.clip) ctx.clip(faint.clip);
    ctx.globalAlpha = 0.28;
    ctx.strokeStyle = this.colorOf(line);
    ctx.lineWidth = line.width * uPlot.pxRatio;
    ctx.setLineDash([]);
    ctx.stroke(faint.stroke);
    ctx.restore();
  }

  // Places in the joined data of values between gaps; null without any.
  isolated(plot, position) {
    const { x, y } = this.config.series[position];
    const places = [];
    for (let i = 0; i < x.length; i += 1) {
      const isAlone = y[i] !== null && (i === 0 || y[i - 1] === null) && (i === x.length - 1 || y[i + 1] === null);
      if (isAlone) places.push(plot.valToIdx(x[i]));
    }
    return places.length ? places : null;
  }

  axisWidth(plot, values, font) {
    const { ctx } = plot;
    ctx.save();
    ctx.font = font;
    const widest = Math.max(0, ...(values ?? []).map((text) => ctx.measureText(text ?? "").width));
    ctx.restore();
    return Math.ceil(Math.max(widest, 26)) + 12; // a floor, so that the plot does not shiver as labels change
  }

  // A line answers for x only where it has data, give or take a dozen pixels.
  at(plot, line, x) {
    if (!line.x.length) return null;
    const i = nearest(line.x, x);
    const inside = x >= line.x[0] && x <= line.x[line.x.length - 1];
    const distance = Math.abs(plot.valToPos(line.x[i], "x") - plot.valToPos(x, "x"));
    return line.y[i] !== null && (inside || distance <= 12) ? i : null;
  }

  joinedIndex(plot, index, x) {
    const line = this.config.series[index - 1];
    const i = this.at(plot, line, x);
    return i === null ? null : plot.valToIdx(line.x[i]);
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

  publish() {
    const { series, key } = this.config;
    const last = {};
    for (const line of series) {
      let i = line.y.length - 1;
      while (i >= 0 && line.y[i] === null) i -= 1;
      last[line.name] = i < 0 ? null : line.y[i];
    }
    this.resetButton.hidden = !this.zoom;
    Object.assign(this.root.dataset, {
      key,
      points: series.reduce((sum, line) => sum + line.x.length, 0),
      series: series.length,
      zoomed: String(Boolean(this.zoom)),
      last: JSON.stringify(last),
      marks: JSON.stringify(this.config.marks),
    });
  }

  onKey(event) {
    const plot = this.uplot;
    if (!plot) return;
    const { min, max } = plot.scales.x;
    const xs = plot.data[0];
    const now = plot.cursor.idx ?? plot.valToIdx(max);
    const move = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: plot.valToIdx(min), End: plot.valToIdx(max) }[event.key];
    const centre = plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : (min + max) / 2;
    if (move !== undefined) {
      const index = Math.min(Math.max(move, 0), xs.length - 1);
      plot.setCursor({ left: plot.valToPos(xs[index], "x"), top: plot.over.clientHeight / 2 }, true, true);
      this.spoken.textContent = this.tip.innerText;
    } else if (event.key === "+" || event.key === "=") {
      this.setZoom([centre - (centre - min) / 2, centre + (max - centre) / 2]);
    } else if (event.key === "-" && this.zoom) {
      const [low, high] = [centre - (centre - min) * 2, centre + (max - centre) * 2];
      this.setZoom(low <= xs[0] && high >= xs[xs.length - 1] ? null : [low, high]);
    } else if (event.key === "Enter" && plot.cursor.left >= 0) {
      this.pick(plot.posToVal(plot.cursor.left, "x"));
    } else if (event.key === "Escape") {
      this.setZoom(null);
      plot.setCursor({ left: -10, top: -10 }, true, true);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // what the keys do elsewhere on the page
  }

  showTip(plot) {
    const { left, top } = plot.cursor;
    this.tip.hidden = left == null || left < 0;
    if (this.tip.hidden) return;
    const { series, xLabel, yLabel, yUnit, marks } = this.config;
    const x = plot.posToVal(left, "x");
    let rows = [];
    for (const line of series) {
      const i = this.isShown(line) ? this.at(plot, line, x) : null;
      if (i !== null) rows.push({ line, x: line.x[i], y: line.y[i] });
    }
    const events = marks.filter((mark) => Math.abs(plot.valToPos(mark[0], "x") - left) <= 6);
    if (!rows.length && !events.length) {
      this.tip.hidden = true;
      return;
    }
    const frame = this.plot.getBoundingClientRect();
    const narrow = frame.width < 480; // a phone: leave some of the plot to be seen
    const room = Math.max(2, Math.min(narrow ? 8 : 24, Math.floor((plot.over.clientHeight - 40) / 16)) - events.length);
    const more = rows.length - room;
    if (more > 0) {
      // The lines next to the pointer; in the order of the chart.
      const distance = (row) => Math.abs(plot.valToPos(row.y, "y") - top);
      const kept = new Set([...rows].sort((a, b) => distance(a) - distance(b)).slice(0, room));
      rows = rows.filter((row) => kept.has(row));
    }
    const closest = rows.reduce((best, row) => (Math.abs(row.x - x) < Math.abs(best - x) ? row.x : best), rows[0]?.x ?? x);
    const nodes = [element("div", "at", `${xLabel} ${number(closest)}${narrow ? "" : ` · ${yLabel}`}`)];
    for (const { line, y } of rows) {
      const node = element("div", "row");
      node.append(sample(this.colorOf(line), line), element("span", "name", line.name));
      node.append(element("span", "value", yUnit ? `${number(y)} ${yUnit}` : number(y)));
      nodes.push(node);
    }
    if (more > 0) nodes.push(element("div", "at", `and ${more} more`));
    for (const [at, text, kind] of events) {
      const node = element("div", "event");
      node.style.setProperty("--kind", this.colors.marks[kind] ?? this.colors.muted);
      node.append(element("span", "", `${text} (${number(at)})`));
      nodes.push(node);
    }
    this.tip.replaceChildren(...nodes);
    const box = plot.over.getBoundingClientRect();
    const at = box.left - frame.left + left;
    const space = frame.width - this.tip.offsetWidth;
    const place = at + 14 <= space ? at + 14 : at - 14 - this.tip.offsetWidth;
    this.tip.style.transform = `translate(${Math.max(0, Math.min(place, space))}px, ${box.top - frame.top + 4}px)`;
  }

  drawMarks(plot) {
    const { ctx, bbox } = plot;
    const size = uPlot.pxRatio;
    ctx.save();
    for (const [x, , kind] of this.config.marks) {
      const left = Math.round(plot.valToPos(x, "x", true));
      if (left < bbox.left || left > bbox.left + bbox.width) continue;
      ctx.strokeStyle = ctx.fillStyle = this.colors.marks[kind] ?? this.colors.muted;
      ctx.lineWidth = size;
      ctx.setLineDash([3 * size, 3 * size]);
      ctx.beginPath();
      ctx.moveTo(left, bbox.top);
      ctx.lineTo(left, bbox.top + bbox.height);
      ctx.stroke();
      ctx.beginPath(); // a small flag at the top says that there is something to read
      ctx.moveTo(left - 4 * size, bbox.top - 6 * size);
      ctx.lineTo(left + 4 * size, bbox.top - 6 * size);
      ctx.lineTo(left, bbox.top + size);
      ctx.fill();
    }
    ctx.restore();
  }

  // Title, plot and a legend of the shown lines on one opaque canvas, at the screen's own resolution.
  exportImage() {
    if (!this.uplot) return;
    const size = uPlot.pxRatio;
    const source = this.uplot.ctx.canvas;
    const shown = this.config.series.filter(this.isShown);
    const canvas = document.createElement("canvas");
    const ctx = canvas.getContext("2d");
    const width = source.width / size;
    ctx.font = `12px ${this.colors.font}`;
    let [left, line] = [12, 0];
    const places = shown.map(({ name }) => {
      const wide = 44 + ctx.measureText(name).width;
      if (left + wide > width && left > 12) [left, line] = [12, line + 1];
      const place = [left, line];
      left += wide;
      return place;
    });
    const top = this.config.title ? 30 : 8;
    canvas.width = source.width;
    canvas.height = source.height + (top + 14 + 20 * (line + 1)) * size;
    ctx.fillStyle = this.colors.background;
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.drawImage(source, 0, top * size);
    ctx.scale(size, size);
    ctx.fillStyle = this.colors.text;
    ctx.font = `600 14px ${this.colors.font}`;
    ctx.fillText(this.config.title, 12, 20);
    ctx.font = `12px ${this.colors.font}`;
    shown.forEach((each, i) => {
      const [x, y] = [places[i][0], top + source.height / size + 16 + 20 * places[i][1]];
      ctx.setLineDash(each.dash);
      ctx.lineWidth = 2;
      ctx.strokeStyle = this.colorOf(each);
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(x + 24, y);
      ctx.stroke();
      ctx.fillText(each.name, x + 30, y + 4);
    });
    canvas.toBlob((blob) => {
      const link = element("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${this.config.key}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }

  destroy() {
    living.delete(this);
    this.observer.disconnect();
    this.uplot?.destroy();
  }
}

function draw({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".live-chart");
  if (!root || !data) return undefined;
  if (!parentElement.adoptedStyleSheets.includes(sheet)) parentElement.adoptedStyleSheets.push(sheet);
  if (!charts.has(root)) charts.set(root, new LiveChart(root, setStateValue));
  const chart = charts.get(root);
  chart.setStateValue = setStateValue;
  chart.setTriggerValue = setTriggerValue;
  chart.update(data);
  // Streamlit may call the cleanup of a call that a newer one overtook, so only an element that is gone is cleaned up.
  return () =>
    setTimeout(() => {
      if (!root.isConnected) chart.destroy();
    });
}

const engine = (globalThis.dmfLiveChart ??= {});
engine.ready ??= new Promise((resolve) => {
  engine.start = resolve;
});
engine.start(draw);

export default () => {};
