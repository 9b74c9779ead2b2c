// Small pictures of cases, as buttons: a click or Enter chooses one, arrow keys walk.
import { element } from "../browser/dom.js";

const grids = new WeakMap();

class Grid {
  constructor(root) {
    this.root = root;
    this.root.addEventListener("keydown", (event) => this.walk(event));
  }

  update({ cells, chosen }, setStateValue) {
    this.setStateValue = setStateValue;
    this.shown = chosen;
    const focused = this.root.getRootNode().activeElement?.dataset?.case;
    this.root.replaceChildren(...cells.map((cell) => this.cell(cell)));
    this.root.dataset.cases = JSON.stringify(cells.map((cell) => cell.case));
    this.mark();
    if (focused) this.button(focused)?.focus();
  }

  cell({ case: name, name: short, picture, words, score, tags }) {
    const button = element("button");
    button.type = "button";
    button.dataset.case = name;
    button.title = `Show ${name} large (${words})`;
    if (picture) {
      const image = element("img");
      image.src = picture;
      image.alt = "";
      button.append(image);
    } else {
      button.append(element("span", "none", "image not here"));
    }
    const line = element("span", "line");
    line.append(element("b", "", score), element("span", "words", words));
    button.append(line, element("span", "name", short));
    if (tags.length) {
      const row = element("span", "tags");
      row.append(...tags.map((tag) => element("span", "", tag)));
      button.append(row);
    }
    button.onclick = () => {
      this.shown = name;
      this.mark();
      this.setStateValue("case", name);
      // What is shown large may lie below the window.
      const large = document.querySelector(".st-key-case-heading");
      if (large && large.getBoundingClientRect().top > 0.6 * innerHeight) large.scrollIntoView({ behavior: "smooth" });
    };
    return button;
  }

  button(name) {
    return this.root.querySelector(`[data-case="${CSS.escape(name)}"]`);
  }

  mark() {
    for (const button of this.root.children) {
      button.setAttribute("aria-pressed", String(button.dataset.case === this.shown));
    }
  }

  walk(event) {
    const buttons = [...this.root.children];
    const at = buttons.indexOf(event.target);
    if (at < 0) return;
    const columns = getComputedStyle(this.root).gridTemplateColumns.split(" ").length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (!step || !buttons[at + step]) return;
    event.preventDefault();
    buttons[at + step].focus();
  }
}

export default ({ data, parentElement, setStateValue }) => {
  const root = parentElement.querySelector(".cases");
  if (!root || !data) return;
  if (!grids.has(root)) grids.set(root, new Grid(root));
  grids.get(root).update(data, setStateValue);
};
