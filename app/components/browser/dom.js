// Making what a page is made of.

export function element(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

export function button(text, title, action) {
  const node = element("button", "", text);
  node.type = "button";
  if (title) node.title = title;
  node.onclick = action;
  return node;
}

// A picture of one shape: `shape` is its tag and its attributes.
export function drawing(className, width, height, { tag, ...attributes }) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-hidden", "true");
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  svg.append(node);
  return svg;
}

export function saveImage(canvas, name) {
  canvas.toBlob((blob) => saveFile(blob, `${name}.png`));
}

export function saveFile(blob, name) {
  const link = element("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function styleSheet(text) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return sheet;
}

// Styles of a component that Streamlit mounts more than once are adopted, not written into each of its elements.
export function adopt(parent, sheet) {
  if (!parent.adoptedStyleSheets?.includes(sheet)) parent.adoptedStyleSheets?.push(sheet);
}
