// Search, order, page and choice live here; Python hears of the choice only.

import { button, element } from "./browser/dom.js";
import { fitting, isNumber, shown, sorted, turned, withAll, wordsOf } from "./browser/run_rows.js";

const PAGE = 12;
const HIDDEN = "dmf-run-columns-hidden"; // in this browser: columns that are not shown
const pickers = new WeakMap();

class Picker {
  constructor(root) {
    this.root = root;
    this.order = null; // [column, 1 | -1]; as given without one
    this.page = 0;
    this.sent = []; // choices on their way, which come back with later messages
    this.chosen = [];
    this.hidden = null; // names of columns, once they are known
    this.races = new Map(); // runs by the id of their experiment
    this.menuOf = "";
    const tools = element("div", "tools");
    this.search = element("input");
    this.search.type = "search";
    this.search.placeholder = "Search runs: words, or method:mad seed:0";
    this.search.title = "Every word must occur; field:value looks in one column, experiment:name in the experiments.";
    this.search.setAttribute("aria-label", "Search runs");
    this.search.oninput = () => this.turn(0);
    this.only = button("Show chosen only", "", () => {
      this.only.setAttribute("aria-pressed", String(this.only.getAttribute("aria-pressed") !== "true"));
      this.turn(0);
    });
    this.only.setAttribute("aria-pressed", "false");
    this.all = button("Choose all found", "All runs that the search finds, as far as there is room.", () => {
      this.choose(withAll(this.chosen, this.unchosen(), this.most));
    });
    this.none = button("Choose none", "", () => this.choose([]));
    this.menu = element("details", "columns");
    this.menu.append(element("summary", "", "Columns"));
    this.boxes = element("div");
    this.menu.append(this.boxes);
    this.count = element("span", "muted");
    this.count.setAttribute("aria-live", "polite");
    tools.append(this.search, this.only, this.all, this.none, this.menu, this.count);
    const wide = element("div", "wide");
    this.table = element("table");
    this.head = element("thead");
    this.body = element("tbody");
    this.table.append(this.head, this.body);
    wide.append(this.table);
    const pages = element("div", "pages");
    this.back = button("Previous", "", () => this.turn(this.page - 1));
    this.next = button("Next", "", () => this.turn(this.page + 1));
    this.where = element("span", "muted");
    pages.append(this.back, this.next, this.where);
    root.replaceChildren(tools, wide, pages);
  }

  update({ columns, rows, chosen, most }, setStateValue) {
    this.setStateValue = setStateValue;
    this.columns = columns;
    this.hidden ??= hiddenColumns(columns);
    this.most = most;
    if (rows !== this.text) {
      this.text = rows;
      this.rows = JSON.parse(rows).map(([id, race, experiment, ...values]) => {
        return { id, race, experiment, values, words: wordsOf(id, experiment, columns, values) };
      });
      this.races = Map.groupBy(this.rows, ({ race }) => race);
    }
    const text = JSON.stringify(chosen);
    const place = this.sent.indexOf(text);
    if (place < 0) this.chosen = [...chosen];
    this.sent = place < 0 ? [] : this.sent.slice(place + 1);
    if (place >= 0 && !this.sent.length) this.sent = [text];
    this.show();
  }

  choose(ids) {
    this.chosen = ids;
    this.sent.push(JSON.stringify(ids));
    this.show();
    this.setStateValue("chosen", ids);
  }

  turn(page) {
    this.page = page;
    this.show();
  }

  found() {
    const only = this.only.getAttribute("aria-pressed") === "true";
    const found = fitting(this.rows, this.search.value, this.columns).filter((row) =>
      !only || this.chosen.includes(row.id)
    );
    return this.order ? sorted(found, ...this.order) : found;
  }

  // Ids of what is found and not chosen.
  unchosen() {
    return this.found().map(({ id }) => id).filter((id) => !this.chosen.includes(id));
  }

  show() {
    const found = this.found();
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    this.page = Math.min(Math.max(0, this.page), pages - 1);
    const first = this.page * PAGE;
    this.count.textContent = `${this.chosen.length} of at most ${this.most} chosen`;
    this.none.disabled = !this.chosen.length;
    this.all.disabled = !this.unchosen().length || this.chosen.length >= this.most;
    this.where.textContent = found.length
      ? `${first + 1} to ${Math.min(first + PAGE, found.length)} of ${found.length.toLocaleString("en")} runs`
      : "No run has all of these words.";
    this.back.disabled = this.page === 0;
    this.next.disabled = this.page === pages - 1;
    this.showHead();
    const focused = this.root.getRootNode().activeElement?.dataset?.run;
    this.body.replaceChildren(...found.slice(first, first + PAGE).map((row) => this.row(row)));
    if (focused) this.body.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
    this.root.dataset.found = found.length;
    this.root.dataset.chosen = this.chosen.join(",");
  }

  showHead() {
    const key = JSON.stringify([this.order, [...this.hidden], this.columns.map(({ name }) => name)]);
    if (key === this.headKey) return;
    this.headKey = key;
    this.showMenu();
    const focused = this.root.getRootNode().activeElement?.dataset?.column;
    const line = element("tr");
    line.append(element("td"));
    this.columns.forEach(({ name, title, about }, i) => {
      if (this.hidden.has(name)) return;
      const cell = element("th", isNumber(name) ? "number" : "");
      cell.scope = "col";
      const way = this.order?.[0] === i ? this.order[1] : 0;
      cell.setAttribute("aria-sort", way > 0 ? "ascending" : way < 0 ? "descending" : "none");
      const arrow = { 1: " ↑", "-1": " ↓" }[way] ?? "";
      const sorter = button(`${title}${arrow}`, `${about} Click to sort.`, () => {
        this.order = turned(this.order, i, name);
        this.turn(0);
      });
      sorter.dataset.column = name;
      cell.append(sorter);
      line.append(cell);
    });
    this.head.replaceChildren(line);
    if (focused) this.head.querySelector(`[data-column="${focused}"]`)?.focus();
  }

  // A box for each column but the one that names the run.
  showMenu() {
    const names = this.columns.map(({ name }) => name).join();
    if (names === this.menuOf) return;
    this.menuOf = names;
    const lines = this.columns.filter(({ name }) => name !== "name").map(({ name, title }) => {
      const line = element("label");
      const box = element("input");
      box.type = "checkbox";
      box.checked = !this.hidden.has(name);
      box.onchange = () => {
        if (box.checked) this.hidden.delete(name);
        else this.hidden.add(name);
        localStorage.setItem(HIDDEN, JSON.stringify([...this.hidden]));
        this.show();
      };
      line.append(box, ` ${title}`);
      return line;
    });
    this.boxes.replaceChildren(...lines);
  }

  // Chooses all runs of an experiment, or none of them where all are.
  wholeOf(race, experiment) {
    const ids = this.races.get(race).map(({ id }) => id);
    const every = ids.every((id) => this.chosen.includes(id));
    const whole = button(every ? `none of ${ids.length}` : `all ${ids.length}`, "", () => {
      this.choose(withAll(this.chosen, ids, this.most));
    });
    whole.setAttribute("aria-label", `Choose ${every ? "none" : "all"} of the ${ids.length} runs of ${experiment}`);
    whole.disabled = !every && this.chosen.length >= this.most;
    return whole;
  }

  row({ id, race, experiment, values }) {
    const line = element("tr");
    const tick = element("td", "tick");
    const box = element("input");
    box.type = "checkbox";
    box.id = `pick-${id}`;
    box.dataset.run = id;
    box.checked = this.chosen.includes(id);
    box.disabled = !box.checked && this.chosen.length >= this.most;
    box.onchange = () => this.choose(box.checked ? [...this.chosen, id] : this.chosen.filter((each) => each !== id));
    line.classList.toggle("chosen", box.checked);
    tick.append(box);
    line.append(tick);
    this.columns.forEach(({ name }, i) => {
      if (this.hidden.has(name)) return;
      const cell = element("td", isNumber(name) ? "number" : name);
      if (name === "name") {
        const label = element("label", "", values[i]);
        label.htmlFor = box.id;
        label.append(element("small", "", experiment));
        cell.append(label);
        if (this.races.get(race).length > 1) cell.append(this.wholeOf(race, experiment));
      } else {
        cell.textContent = shown(name, values[i]);
      }
      line.append(cell);
    });
    return line;
  }
}

// The columns that this browser was told not to show; at first those that are there on demand.
function hiddenColumns(columns) {
  const kept = localStorage.getItem(HIDDEN);
  return new Set(kept ? JSON.parse(kept) : columns.filter(({ on_demand }) => on_demand).map(({ name }) => name));
}

export default ({ data, parentElement, setStateValue }) => {
  const root = parentElement.querySelector(".picker");
  if (!root || !data) return;
  if (!pickers.has(root)) pickers.set(root, new Picker(root));
  pickers.get(root).update(data, setStateValue);
};
