// The viewer of one case: image, truth and predictions, drawn and scored in the browser. case_viewer.py puts `STYLES`
// before it. One Viewer per mounted element; what a reader has chosen (zoom, threshold, look) outlasts the data.

import { adopt, button, element, saveImage, styleSheet } from "../../components/browser/dom.js";
import { startEngine, whenGone } from "../../components/browser/engine.js";
import {
  between,
  canvasOf,
  chosenClasses,
  count,
  css,
  fromLabels,
  GREY,
  greyTable,
  HEAT,
  heatColor,
  outlineOf,
  predicted,
  score,
  tinted,
  unpack,
  voidOf,
} from "./case_viewer_pixels.js";

const viewers = new WeakMap(); // root element -> Viewer
const sheet = styleSheet(STYLES);

const DISPLAYS = {
  outline: ["Outlines", "Truth as a white line, the prediction as a yellow one."],
  filled: ["Filled", "The prediction as a yellow area, the truth as a white line."],
  errors: ["Errors", "Each pixel by how the prediction did there: found, made up or missed."],
  heat: ["Probability", "How sure the network is of a lesion at each pixel, from 0 (dark) to 1 (bright)."],
};
const IMAGE = { id: "image", name: "Image", kind: "image" };
const TRUTH = { id: "truth", name: "Truth", kind: "truth" };
const MOST_ZOOM = 32;
// Share of all grey values that is shown, their middle, and how many times as bright that is.
const AS_IT_IS = { window: 1, level: 0.5, brightness: 1 };
const GREYS = {
  window: ["Window", "How much of all grey values is shown, from black to white: less is more contrast.", 0.05, 1],
  level: ["Level", "The grey value in the middle of the window: lower is brighter.", 0, 1],
  brightness: ["Brightness", "How bright all of it is shown; contrast in the dark parts grows with it.", 0.5, 3],
};
const PACE = 350; // ms for which each epoch is shown while it plays

class Viewer {
  constructor(root) {
    this.root = root;
    this.display = "outline";
    this.layout = "panels";
    this.opacity = 0.55;
    this.threshold = 0.5;
    this.classIndex = -1; // -1: any of the classes
    this.split = 0.5;
    this.grey = { ...AS_IT_IS };
    this.sides = ["truth", ""];
    this.view = { scale: 1, x: 0, y: 0 };
    this.pointers = new Map();
    /** @type {Map<string, any>} */
    this.layers = null; // panel -> what is drawn there
    this.buildFrame();
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.stage);
  }

  buildFrame() {
    const bar = element("div", "bar");
    this.layoutButtons = this.choice(bar, "Layout", {
      panels: ["Side by side", "All panels beside each other."],
      swipe: ["Swipe", "Two of them in one picture, with a line to drag."],
    }, (name) => {
      this.layout = name;
      this.rebuild();
    });
    this.displayButtons = this.choice(bar, "Look", DISPLAYS, (name) => {
      this.display = name;
      this.refresh();
    });
    this.opacityInput = this.slider(bar, "Opacity", "How strongly colours cover the image.", 0, 1, 0.05, (value) => {
      this.opacity = value;
      this.refresh();
    });
    this.greyInputs = Object.entries(GREYS).map(([name, [label, about, least, most]]) => {
      const title = `${about} Double click: as it is.`;
      const slider = this.slider(bar, label, title, least, most, 0.01, (value) => this.setGrey(name, value));
      slider.field.ondblclick = () => this.setGrey(name, AS_IT_IS[name]);
      return { name, ...slider };
    });
    this.thresholdInput = this.slider(
      bar,
      "Threshold",
      "A pixel counts as lesion where the network gives it at least this probability. Scores follow at once.",
      0.01,
      0.99,
      0.01,
      (value) => {
        this.threshold = value;
        this.refresh();
      },
      () => this.tell(),
    );
    this.classSelect = this.select(bar, "Class", "Which kind of pixel is shown and scored.", (value) => {
      this.classIndex = Number(value);
      this.refresh();
      this.tell();
    });
    this.sideSelects = [0, 1].map((i) =>
      this.select(bar, ["Left", "Right"][i], "What this side of the line shows.", (value) => {
        this.sides[i] = value;
        this.rebuild();
      })
    );
    const tools = element("div", "tools");
    tools.append(
      button("−", "Zoom out", () => this.zoom(1 / 1.5)),
      button("+", "Zoom in", () => this.zoom(1.5)),
      button("Whole image", "Undo zoom and shift (double click)", () => this.reset()),
      button("Save PNG", "Save what is shown as a picture", () => this.exportImage()),
    );
    bar.append(tools);
    this.time = element("div", "bar time");
    this.play = button("Play", "Show one epoch after the other", () => this.setPlaying(!this.timer));
    this.epochInput = this.slider(
      this.time,
      "Epoch",
      "How far the training was; all runs move in step.",
      0,
      1,
      1,
      (value) => {
        this.setPlaying(false);
        this.showEpoch(value);
      },
    );
    this.time.prepend(this.play);
    this.stage = element("div", "stage");
    this.key = element("div", "key");
    this.spoken = element("div", "spoken");
    this.spoken.setAttribute("aria-live", "polite");
    this.root.replaceChildren(bar, this.time, this.stage, this.key, this.spoken);
  }

  choice(bar, label, options, action) {
    const group = element("div", "choice");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", label);
    const buttons = {};
    for (const [name, [text, title]] of Object.entries(options)) {
      buttons[name] = button(text, title, () => action(name));
      buttons[name].dataset.choice = name;
      group.append(buttons[name]);
    }
    bar.append(group);
    return buttons;
  }

  slider(bar, label, title, min, max, step, action, settled = () => {}) {
    const field = element("label", "field");
    field.title = title;
    const input = element("input");
    Object.assign(input, { type: "range", min, max, step });
    input.setAttribute("aria-label", label);
    const value = element("output");
    input.oninput = () => action(Number(input.value));
    input.onchange = settled;
    field.append(element("span", "", label), input, value);
    bar.append(field);
    return { field, input, value };
  }

  select(bar, label, title, action) {
    const field = element("label", "field");
    field.title = title;
    const input = element("select");
    input.setAttribute("aria-label", label);
    input.onchange = () => action(input.value);
    field.append(element("span", "", label), input);
    bar.append(field);
    return { field, input };
  }

  options({ input }, pairs, chosen) {
    input.replaceChildren(
      ...pairs.map(([value, text]) => {
        const option = element("option", "", text);
        option.value = value;
        return option;
      }),
    );
    input.value = chosen;
  }

  update(message, setStateValue, setTriggerValue) {
    this.setStateValue = setStateValue;
    this.setTriggerValue = setTriggerValue;
    const isFirst = !this.config;
    const before = this.config?.case;
    this.config = unpack(message);
    const { config } = this;
    if (isFirst) {
      this.threshold = config.threshold;
      this.classIndex = config.classIndex;
      this.display = config.display;
    }
    if (config.case !== before) this.view = { scale: 1, x: 0, y: 0 };
    if (this.classIndex >= config.classes.length) this.classIndex = -1;
    if (config.classes.length < 2) this.classIndex = 0;
    this.paintPicture();
    this.everything = [IMAGE, ...(config.truth === null ? [] : [TRUTH]), ...config.panels];
    const known = new Set(this.everything.map(({ id }) => id));
    if (!known.has(this.sides[0])) this.sides[0] = this.everything[0].id;
    if (!known.has(this.sides[1])) this.sides[1] = this.everything[this.everything.length - 1].id;
    this.options(
      this.classSelect,
      [[-1, "any of them"], ...config.classes.map((name, i) => [i, name])],
      this.classIndex,
    );
    const named = this.everything.map(({ id, name }) => [id, name]);
    this.sideSelects.forEach((select, i) => this.options(select, named, this.sides[i]));
    this.isSoft = config.panels.some(({ kind }) => kind === "probability");
    this.classSelect.field.hidden = config.classes.length < 2;
    this.thresholdInput.field.hidden = !this.isSoft;
    this.displayButtons.heat.hidden = !this.isSoft;
    this.displayButtons.errors.hidden = config.truth === null;
    this.displayButtons.outline.title = config.truth === null
      ? "The prediction as a yellow line."
      : DISPLAYS.outline[1];
    if (!this.isSoft && this.display === "heat") this.display = "outline";
    const epochs = config.epochs;
    this.time.hidden = epochs.length < 2;
    this.epochInput.input.max = Math.max(0, epochs.length - 1);
    this.epochAt = this.epochAt === undefined || config.case !== before
      ? epochs.length - 1
      : Math.min(this.epochAt, epochs.length - 1);
    if (this.time.hidden) this.setPlaying(false);
    this.rebuild();
  }

  paintPicture() {
    const { width, height, channels, column } = this.config.image;
    const pixels = this.config.columns[column];
    const shown = greyTable(this.grey);
    this.picture = canvasOf(width, height, (data) => {
      for (let i = 0; i < width * height; i += 1) {
        for (let c = 0; c < 3; c += 1) data[4 * i + c] = shown[pixels[channels === 3 ? 3 * i + c : i]];
        data[4 * i + 3] = 255;
      }
    });
  }

  setGrey(name, value) {
    this.grey[name] = value;
    this.paintPicture();
    this.refresh();
  }

  // What Python measures as well: threshold and class, once a reader has settled on them.
  tell() {
    this.setStateValue("settled", { threshold: this.threshold, classIndex: this.classIndex });
    const said = Object.entries(this.scores).map(([name, { dice }]) => `${name}: Dice ${score(dice)}`);
    this.spoken.textContent = `Threshold ${this.threshold.toFixed(2)}. ${said.join(", ")}`; // for those who listen
  }

  shown() {
    if (this.layout === "panels") return this.everything;
    return this.sides.map((id) => this.everything.find((panel) => panel.id === id));
  }

  rebuild() {
    this.sideSelects.forEach(({ field }) => (field.hidden = this.layout !== "swipe"));
    const isSwipe = this.layout === "swipe";
    const groups = isSwipe ? [this.shown()] : this.shown().map((panel) => [panel]);
    const { width, height } = this.config.image;
    this.stage.classList.toggle("swipe", isSwipe);
    this.stage.style.setProperty("--aspect", width / height);
    const shape = JSON.stringify([isSwipe, groups.map((group) => group.map(({ id, name }) => [id, name]))]);
    if (shape !== this.shape) {
      this.shape = shape;
      this.frames = groups.map((group) => this.frame(group, isSwipe));
      this.stage.replaceChildren(...this.frames.map(({ figure }) => figure));
    } else {
      this.frames.forEach((frame, i) => (frame.group = groups[i]));
    }
    this.refresh();
  }

  frame(group, isSwipe) {
    const figure = element("figure");
    const head = element("div", "head");
    head.append(...group.map(({ name }) => element("span", "", name)));
    const box = element("div", "box");
    const canvas = element("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.onkeydown = (event) => this.onKey(event);
    this.bindPointers(canvas, isSwipe);
    box.append(canvas);
    let handle = null;
    if (isSwipe) {
      handle = element("div", "handle");
      handle.tabIndex = 0;
      handle.setAttribute("role", "slider");
      handle.setAttribute("aria-label", "Line between left and right, in percent of the width");
      handle.setAttribute("aria-valuemin", "0");
      handle.setAttribute("aria-valuemax", "100");
      handle.title = "Drag it, or move it with the arrow keys";
      handle.onkeydown = (event) => this.onHandleKey(event);
      handle.onpointerdown = (event) => {
        event.preventDefault();
        handle.focus();
        handle.setPointerCapture(event.pointerId);
        handle.onpointermove = (move) => this.moveLine(canvas, move.clientX);
        handle.onpointerup = handle.onpointercancel = () => (handle.onpointermove = null);
      };
      box.append(handle);
    }
    const captions = group.map(() => element("figcaption"));
    figure.append(head, box, ...captions);
    return { figure, canvas, handle, captions, group };
  }

  // Everything that depends on threshold, class, look or data; then draw.
  refresh() {
    const { grids, columns, panels, colors } = this.config;
    const truths = grids.map((grid) => {
      if (grid.truth === null) return null;
      const mask = fromLabels(columns[grid.truth], chosenClasses(this.config.classes, this.classIndex));
      return { mask, line: outlineOf(mask, grid), ...voidOf(columns[grid.truth], grid) };
    });
    this.layers = new Map([["image", {}]]);
    if (this.config.truth !== null) {
      const { mask, line, stripes } = truths[this.config.truth];
      const grid = grids[this.config.truth];
      const tint = this.display === "outline" ? null : tinted(mask, grid, () => colors.truth, this.opacity * 0.6);
      this.layers.set("truth", { grid, overlay: tint, stripes, lines: [[line, colors.truth]] });
    }
    this.scores = {};
    for (const panel of panels) {
      const found = predicted(panel, this.config, this);
      if (!found) {
        this.layers.set(panel.id, {
          words: panel.kind === "epochs" ? "not reached yet" : panel.note || "nothing kept",
        });
        continue;
      }
      const { mask, levels, at } = found;
      const grid = grids[panel.grid];
      const truth = truths[panel.grid];
      const lines = truth ? [[truth.line, colors.truth]] : [];
      let overlay = null;
      if (this.display === "filled") overlay = tinted(mask, grid, () => colors.prediction, this.opacity);
      if (this.display === "errors" && truth) {
        const { isVoid } = truth;
        const kind = mask.map((
          value,
          i,
        ) => (isVoid && isVoid[i] ? 0 : value ? (truth.mask[i] ? 1 : 2) : truth.mask[i] ? 3 : 0));
        overlay = tinted(kind, grid, (value) => [colors.found, colors.madeUp, colors.missed][value - 1], this.opacity);
        lines.length = 0;
      }
      if (this.display === "heat" && levels) {
        overlay = tinted(levels, grid, (value) => heatColor(value / 255), this.opacity, true);
      }
      if (this.display === "outline" || this.display === "heat") lines.push([outlineOf(mask, grid), colors.prediction]);
      const counts = truth ? count(mask, truth.mask, truth.isVoid, this.config.absent) : null;
      if (counts) this.scores[panel.name] = counts;
      const share = mask.reduce((total, value) => total + value, 0) / mask.length;
      this.layers.set(panel.id, { grid, overlay, stripes: truth && truth.stripes, lines, counts, share, at });
    }
    this.hasVoid = truths.some((truth) => truth && truth.isVoid);
    this.showControls();
    this.showCaptions();
    this.showKey();
    this.publish();
    this.draw();
  }

  showControls() {
    for (const [name, button] of Object.entries(this.layoutButtons)) {
      button.setAttribute("aria-pressed", String(name === this.layout));
    }
    for (const [name, button] of Object.entries(this.displayButtons)) {
      button.setAttribute("aria-pressed", String(name === this.display));
    }
    this.opacityInput.input.value = this.opacity;
    this.opacityInput.value.textContent = `${Math.round(100 * this.opacity)} %`;
    this.opacityInput.field.hidden = this.display === "outline";
    for (const { name, input, value } of this.greyInputs) {
      input.value = this.grey[name];
      value.textContent = `${Math.round(100 * this.grey[name])} %`;
    }
    this.thresholdInput.input.value = this.threshold;
    this.thresholdInput.value.textContent = this.threshold.toFixed(2);
    this.epochInput.input.value = this.epochAt;
    this.epochInput.value.textContent = String(this.config.epochs[this.epochAt] ?? "");
    this.play.textContent = this.timer ? "Pause" : "Play";
  }

  showCaptions() {
    for (const { captions, group, canvas } of this.frames) {
      group.forEach((panel, i) => {
        const nodes = this.caption(panel);
        captions[i].replaceChildren(...(group.length > 1 ? [element("b", "", `${panel.name}: `)] : []), ...nodes);
      });
      const words = group.map((panel) =>
        `${panel.name}: ${this.caption(panel).map((node) => node.textContent).join(" ")}`
      );
      canvas.setAttribute(
        "aria-label",
        `${words.join("; ")}. Plus and minus zoom, arrow keys shift, Escape shows the whole image.`,
      );
    }
  }

  caption(panel) {
    if (panel.kind === "image") return [element("span", "muted", this.config.imageNote)];
    if (panel.kind === "truth") return [element("span", "muted", this.config.truthNote)];
    const { counts, words, at, share } = this.layers.get(panel.id);
    if (words) return [element("span", "muted", words)];
    const nodes = [];
    if (counts) {
      for (
        const [name, title] of Object.entries({ dice: "Dice", iou: "IoU", precision: "Precision", recall: "Recall" })
      ) {
        const part = element("span", "score", `${title} `);
        part.append(element("b", "", score(counts[name])));
        part.dataset.score = name;
        nodes.push(part);
      }
      const { tp, fp, fn } = counts;
      const said = tp + fp + fn === 0
        ? "nothing there, nothing found"
        : tp + fn === 0
        ? "nothing there, all of it made up"
        : tp + fp === 0
        ? "nothing found"
        : "";
      if (said) nodes.push(element("span", "muted", said));
    } else {
      nodes.push(element("span", "muted", `${(100 * share).toFixed(1)} % of the image is marked`));
    }
    if (at !== undefined && at !== this.config.epochs[this.epochAt]) {
      nodes.push(element("span", "muted", `at epoch ${at}`));
    }
    if (panel.note) nodes.push(element("span", "muted", panel.note));
    return nodes;
  }

  showKey() {
    const { truth, prediction, found, madeUp, missed } = this.config.colors;
    const hasTruth = this.config.truth !== null;
    const parts = {
      outline: [...(hasTruth ? [[truth, "truth"]] : []), [prediction, "prediction"]],
      filled: [...(hasTruth ? [[truth, "truth"]] : []), [prediction, "prediction"]],
      errors: [[found, "found (TP: truth and prediction)"], [madeUp, "made up (FP: prediction only)"], [
        missed,
        "missed (FN: truth only)",
      ]],
      heat: [],
    }[this.display];
    if (this.hasVoid) parts.push([GREY, "void (counts nowhere)"]);
    const nodes = parts.map(([color, words]) => {
      const part = element("span");
      const chip = element("i");
      chip.style.background = css(color);
      part.append(chip, words);
      return part;
    });
    if (this.display === "heat") {
      const scale = element("i", "scale");
      scale.style.background = `linear-gradient(90deg, ${HEAT.map((color) => css(color)).join(",")})`;
      const part = element("span");
      part.append("probability 0", scale, "1");
      nodes.push(part);
    }
    nodes.push(
      element(
        "span",
        "muted hint",
        "Click an image, then: wheel or + and − zoom, drag or arrow keys shift, double click shows all.",
      ),
    );
    this.key.replaceChildren(...nodes);
  }

  publish() {
    const { dataset } = this.root;
    dataset.case = this.config.case;
    dataset.scores = JSON.stringify(this.scores);
    dataset.layout = this.layout;
    dataset.display = this.display;
    dataset.threshold = this.threshold.toFixed(2);
    dataset.epoch = this.config.epochs[this.epochAt] ?? "";
    dataset.zoom = this.view.scale.toFixed(2);
    dataset.split = this.split.toFixed(2);
  }

  draw() {
    if (!this.layers) return;
    for (const frame of this.frames) {
      const { canvas, handle, group } = frame;
      const [width, height] = [canvas.clientWidth, canvas.clientHeight];
      if (!width || !height) continue;
      const ratio = window.devicePixelRatio || 1;
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
      }
      canvas.style.touchAction = this.view.scale > 1 ? "none" : "pan-y";
      this.paint(canvas.getContext("2d"), canvas.width, canvas.height, group, ratio);
      if (handle) {
        handle.style.left = `${100 * this.split}%`;
        handle.setAttribute("aria-valuenow", String(Math.round(100 * this.split)));
      }
    }
  }

  paint(ctx, width, height, group, ratio) {
    ctx.clearRect(0, 0, width, height);
    group.forEach((panel, i) => {
      ctx.save();
      if (group.length > 1) {
        ctx.beginPath();
        ctx.rect(i ? this.split * width : 0, 0, i ? width : this.split * width, height);
        ctx.clip();
      }
      this.paintLayer(ctx, width, height, this.layers.get(panel.id), ratio);
      ctx.restore();
    });
  }

  paintLayer(ctx, width, height, { grid, overlay, stripes, lines, words }, ratio) {
    const { scale, x, y } = this.view;
    const place = [-x * scale * width, -y * scale * height, scale * width, scale * height];
    ctx.imageSmoothingEnabled = scale * width < 4 * this.picture.width;
    ctx.imageSmoothingQuality = "high";
    ctx.globalAlpha = words ? 0.25 : 1;
    ctx.drawImage(this.picture, ...place);
    ctx.globalAlpha = 1;
    if (!grid) return;
    const [left, top, wide, high] = grid.window; // where the image lies in what the network sees
    ctx.imageSmoothingEnabled = false;
    for (const layer of [stripes, overlay]) if (layer) ctx.drawImage(layer, left, top, wide, high, ...place);
    const [stepX, stepY] = [place[2] / wide, place[3] / high];
    const matrix = new DOMMatrix([stepX, 0, 0, stepY, place[0] - left * stepX, place[1] - top * stepY]);
    for (const [path, color] of lines) {
      const line = new Path2D();
      line.addPath(path, matrix);
      ctx.lineCap = "round";
      ctx.strokeStyle = "rgba(0,0,0,0.55)"; // so that a light line shows on light tissue as well
      ctx.lineWidth = 3.5 * ratio;
      ctx.stroke(line);
      ctx.strokeStyle = css(color);
      ctx.lineWidth = 1.6 * ratio;
      ctx.stroke(line);
    }
  }

  setView(scale, x, y) {
    const bounded = between(1, scale, MOST_ZOOM);
    const room = 1 - 1 / bounded;
    this.view = { scale: bounded, x: between(0, x, room), y: between(0, y, room) };
    this.publish();
    if (!this.waits) {
      this.waits = requestAnimationFrame(() => {
        this.waits = null;
        this.draw();
      });
    }
  }

  // (u, v): the place in the panel, 0..1, that stays where it is.
  zoom(factor, u = 0.5, v = 0.5) {
    const { scale, x, y } = this.view;
    const next = between(1, scale * factor, MOST_ZOOM);
    this.setView(next, x + u / scale - u / next, y + v / scale - v / next);
  }

  shift(u, v) {
    const { scale, x, y } = this.view;
    this.setView(scale, x - u / scale, y - v / scale);
  }

  reset() {
    this.setView(1, 0, 0);
  }

  bindPointers(canvas, isSwipe) {
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    canvas.addEventListener(
      "wheel",
      (event) => {
        // A page that is only being scrolled past is left alone.
        const isMeant = event.ctrlKey || this.root.getRootNode().activeElement === canvas;
        if (!isMeant || (this.view.scale === 1 && event.deltaY > 0)) return;
        event.preventDefault();
        this.zoom(Math.exp(-between(-60, event.deltaY, 60) * 0.005), ...place(event));
      },
      { passive: false },
    );
    canvas.onpointerdown = (event) => {
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, place(event));
      if (isSwipe && this.view.scale === 1) this.moveLine(canvas, event.clientX);
    };
    canvas.onpointermove = (event) => {
      const before = this.pointers.get(event.pointerId);
      if (!before) return;
      const now = place(event);
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
      this.pointers.set(event.pointerId, now);
      if (other) {
        const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
        this.zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      } else if (isSwipe && this.view.scale === 1) {
        this.moveLine(canvas, event.clientX);
      } else {
        this.shift(now[0] - before[0], now[1] - before[1]);
      }
    };
    canvas.onpointerup = canvas.onpointercancel = (event) => this.pointers.delete(event.pointerId);
    canvas.ondblclick = () => this.reset();
  }

  moveLine(canvas, clientX) {
    const box = canvas.getBoundingClientRect();
    this.setSplit((clientX - box.left) / box.width);
  }

  setSplit(share) {
    this.split = between(0, share, 1);
    this.publish();
    this.draw();
  }

  onHandleKey(event) {
    const steps = {
      ArrowLeft: this.split - 0.02,
      ArrowRight: this.split + 0.02,
      PageDown: this.split - 0.1,
      PageUp: this.split + 0.1,
      Home: 0,
      End: 1,
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.setSplit(steps[event.key]);
  }

  onKey(event) {
    const moves = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
    const steps = { ArrowLeft: -1, ArrowRight: 1, w: "worst", W: "worst" };
    if (event.key in moves && this.view.scale > 1) this.shift(...moves[event.key]);
    else if (event.key in steps && this.config.steps) this.setTriggerValue("step", steps[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else if (event.key === "Escape" || event.key === "0") this.reset();
    else return;
    event.preventDefault();
  }

  showEpoch(position) {
    this.epochAt = position;
    this.refresh();
  }

  setPlaying(isPlaying) {
    clearInterval(this.timer);
    this.timer = null;
    if (isPlaying) {
      const count = this.config.epochs.length;
      if (this.epochAt === count - 1) this.showEpoch(0);
      this.timer = setInterval(() => {
        if (document.hidden) return;
        if (!this.root.isConnected || this.epochAt >= this.config.epochs.length - 1) this.setPlaying(false);
        else this.showEpoch(this.epochAt + 1);
      }, PACE);
    }
    this.showControls();
  }

  // All panels with their words on one canvas, in the image's own proportions.
  exportImage() {
    const style = getComputedStyle(this.root);
    const [background, color] = ["--st-background-color", "--st-text-color"].map((name) =>
      style.getPropertyValue(name).trim()
    );
    const { width, height } = this.config.image;
    const wide = 480;
    const high = Math.round((wide * height) / width);
    const canvas = element("canvas");
    canvas.width = this.frames.length * (wide + 16) + 16;
    canvas.height = high + 76;
    const ctx = canvas.getContext("2d");
    ctx.fillStyle = background || "#fff";
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.fillStyle = color || "#000";
    this.frames.forEach(({ group }, i) => {
      const left = 16 + i * (wide + 16);
      ctx.font = `600 17px ${style.fontFamily}`;
      ctx.fillText(group.map(({ name }) => name).join(" | "), left, 28, wide);
      ctx.font = `14px ${style.fontFamily}`;
      const words = group.map((panel) => this.caption(panel).map((node) => node.textContent).join("  "));
      ctx.fillText(words.join(" | "), left, high + 62, wide);
      ctx.save();
      ctx.translate(left, 40);
      ctx.beginPath();
      ctx.rect(0, 0, wide, high);
      ctx.clip();
      const inner = element("canvas");
      inner.width = wide;
      inner.height = high;
      this.paint(inner.getContext("2d"), wide, high, group, 1.5);
      ctx.drawImage(inner, 0, 0);
      ctx.restore();
    });
    saveImage(canvas, this.config.file);
  }

  destroy() {
    this.observer.disconnect();
    clearInterval(this.timer);
  }
}

startEngine("dmfCaseViewer", ({ data, parentElement, setStateValue, setTriggerValue }) => {
  const root = parentElement.querySelector(".case-viewer");
  if (!root || !data) return undefined;
  adopt(parentElement, sheet);
  if (!viewers.has(root)) viewers.set(root, new Viewer(root));
  const viewer = viewers.get(root);
  viewer.update(data, setStateValue, setTriggerValue);
  return whenGone(root, () => viewer.destroy());
});

export default () => {};
