// Controls whose values are sent while they move. controls.py puts `STYLES` before this text.
// A value is sent once the page has answered the one before: however slow the answer, the newest value is next in line.

import { adopt, element, styleSheet } from "../browser/dom.js";
import { refused, Scale } from "../browser/scale.js";

const panels = new WeakMap(); // root element -> Panel
const sheet = styleSheet(STYLES);
const PATIENCE = 3000; // ms until a value that nobody answered is given up

class Panel {
  constructor(root) {
    this.root = root;
    this.values = {};
    this.setters = {};
    this.shapes = []; // of the groups, as text
    this.number = 0; // of the last message sent
    this.waiting = 0; // its number while it is not answered
    this.pending = null; // what is to be sent next: the values that were changed since the last message
  }

  update({ groups, values, answered }, send) {
    this.send = send;
    this.build(groups, values);
    if (this.waiting && answered >= this.waiting) {
      this.waiting = 0;
      clearTimeout(this.timer);
    }
    if (this.waiting) return;
    if (this.pending) this.post();
    else if (!this.held) this.take(values);
    this.root.dataset.answered = answered;
  }

  // Groups that are what they were stay in place, so that what is held or focused there goes on.
  build(groups, values) {
    const shapes = groups.map((group) => JSON.stringify(group));
    if (shapes.length === this.shapes.length && shapes.every((shape, at) => shape === this.shapes[at])) return;
    const [open, focused] = [this.folded(), this.root.getRootNode().activeElement?.name];
    const old = [...this.root.children];
    const latest = { ...values, ...this.pending?.values };
    groups.forEach((group, at) => {
      if (shapes[at] === this.shapes[at]) return;
      const node = this.group(group, open);
      if (old[at]) old[at].replaceWith(node);
      else this.root.append(node);
      for (const { name } of group.controls) {
        this.values[name] = latest[name];
        this.setters[name](latest[name]);
      }
    });
    for (const node of old.slice(groups.length)) node.remove();
    const names = new Set(groups.flatMap((group) => group.controls.map((control) => control.name)));
    for (const name of Object.keys(this.setters)) if (!names.has(name)) delete this.setters[name];
    this.shapes = shapes;
    const active = this.root.getRootNode().activeElement?.name;
    if (focused && focused !== active) this.root.querySelector(`[name="${focused}"]`)?.focus();
  }

  folded() {
    return new Map([...this.root.querySelectorAll("details")].map((each) => [each.dataset.title, each.open]));
  }

  take(values) {
    for (const [name, set] of Object.entries(this.setters)) {
      if (this.values[name] !== values[name]) set(values[name]);
    }
    this.values = { ...values };
  }

  change(name, value, settled) {
    this.values[name] = value;
    const values = { ...this.pending?.values, [name]: value };
    this.pending = { settled: settled || Boolean(this.pending?.settled), values };
    if (!this.waiting) this.post();
  }

  post() {
    const { settled } = this.pending;
    this.pending = null;
    this.waiting = this.number = Math.max(this.number + 1, Number(this.root.dataset.answered || 0) + 1);
    this.timer = setTimeout(() => {
      this.waiting = 0;
      if (this.pending) this.post();
    }, PATIENCE);
    this.send("values", { number: this.number, values: { ...this.values }, settled });
  }

  group({ title, help, folded, controls }, open) {
    const rows = controls.map((control) => this.row(control));
    if (folded) {
      const node = element("details");
      node.dataset.title = title;
      node.open = open.get(title) ?? false;
      const head = element("summary", "", title);
      head.title = help;
      node.append(head, ...rows);
      return node;
    }
    const node = element("div", "group");
    node.setAttribute("role", "group");
    if (title) {
      const head = element("div", "heading", title);
      head.title = help;
      node.setAttribute("aria-label", title);
      node.append(head);
    }
    node.append(...rows);
    return node;
  }

  row(control) {
    const row = element("div", `row ${control.kind}`);
    row.title = control.help;
    const label = element("label", "name", control.label);
    const made = { slider: this.slider, choice: this.choice, check: this.check }[control.kind].call(this, control);
    const inputs = made.inputs;
    for (const input of inputs) {
      input.setAttribute("aria-label", control.label);
      input.setAttribute("aria-description", control.help);
    }
    row.append(label, ...inputs, ...(made.says ? [made.says] : []));
    this.setters[control.name] = made.set;
    return row;
  }

  slider(control) {
    const scale = new Scale(control);
    const range = element("input");
    Object.assign(range, { type: "range", name: control.name, min: scale.first, max: scale.last, step: 1 });
    const box = element("input");
    Object.assign(box, { type: "number", name: `${control.name}-number`, step: "any", inputMode: "decimal" });
    box.placeholder = control.none?.text ?? "";
    const says = element("p", "refused");
    says.setAttribute("role", "alert");
    const said = (value) => (value === null ? control.none?.text ?? "none" : String(value));
    const show = (value) => {
      says.textContent = "";
      range.setAttribute("aria-valuetext", said(value));
      const share = (Number(range.value) - scale.first) / Math.max(1, scale.last - scale.first);
      range.style.setProperty("--share", `${100 * share}%`);
    };
    const moved = (settled) => {
      const value = scale.value(Number(range.value));
      box.value = value === null ? "" : value;
      show(value);
      this.change(control.name, value, settled);
    };
    range.addEventListener("input", () => moved(false));
    range.addEventListener("change", () => moved(true));
    range.addEventListener("pointerdown", () => {
      this.held = true;
      const release = () => (this.held = false);
      window.addEventListener("pointerup", release, { once: true });
      window.addEventListener("pointercancel", release, { once: true });
    });
    box.addEventListener("change", () => {
      const value = box.value === "" ? null : Number(box.value);
      const reason = value === null && control.none ? "" : refused(value ?? NaN, control);
      if (reason) {
        box.value = this.values[control.name] ?? "";
        says.textContent = `Must be ${reason}. It stays at ${said(this.values[control.name])}.`;
        return;
      }
      range.value = scale.position(value);
      show(value);
      this.change(control.name, value, true);
    });
    const set = (value) => {
      range.value = scale.position(value ?? null);
      box.value = value ?? "";
      show(value ?? null);
    };
    return { inputs: [box, range], set, says };
  }

  choice(control) {
    const select = element("select");
    select.name = control.name;
    for (const [value, text] of control.choices) select.append(new Option(text, value));
    select.addEventListener("change", () => this.change(control.name, select.value, true));
    return { inputs: [select], set: (value) => (select.value = value) };
  }

  check(control) {
    const box = element("input");
    Object.assign(box, { type: "checkbox", name: control.name });
    box.addEventListener("change", () => this.change(control.name, box.checked, true));
    return { inputs: [box], set: (value) => (box.checked = value) };
  }
}

export default ({ data, parentElement, setStateValue }) => {
  const root = parentElement.querySelector(".controls");
  if (!root || !data) return;
  adopt(parentElement, sheet);
  if (!panels.has(root)) panels.set(root, new Panel(root));
  panels.get(root).update(data, setStateValue);
};
