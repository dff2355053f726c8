// Builds elements without ever parsing text as HTML: every string becomes a text node, so what a workspace, a view
// or a log line says can never turn into markup. Works under a Content-Security-Policy without inline code.

/**
 * Make one element. `props` keys: `class`, `testid`, `data` (object), `on` (event name to listener), boolean and string
 * attributes; a value of null, undefined or false leaves the attribute out. Children may be nested arrays.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) setProperty(element, name, value);
  append(element, children);
  return element;
}

function setProperty(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "class") element.className = value;
  else if (name === "testid") element.dataset.testid = value;
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "on")
    for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  else if (name === "value") element.value = value;
  else if (name === "checked" || name === "selected" || name === "disabled") element[name] = Boolean(value);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Append nodes and strings, flattening arrays and leaving out null, undefined and false. */
export function append(parent, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : String(child));
  }
  return parent;
}

/** Set text only where it differs, so that screen readers and selections are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const PATHS = {
  bolt: "M9 1 3 9h4l-1 6 6-8H8z",
  chevron: "m4 6 4 4 4-4",
  close: "m4 4 8 8m0-8-8 8",
  send: "M2 8 14 2l-4 12-2.5-4.5z",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.5 9.5A6 6 0 0 1 6.5 2.500a6 6 0 1 0 7 7z",
  auto: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  camera: "M2 5h3l1-2h4l1 2h3v8H2zM8 6.500a2.200 2.200 0 1 0 0 4.400 2.200 2.200 0 0 0 0-4.400",
  home: "M2 8 8 3l6 5M4 7v6h8V7",
  warning: "M8 2 1.500 13.500h13zM8 6.500v3.500M8 11.800v.2",
  dots: "M3.500 8h.01M8 8h.01M12.500 8h.01",
};

/** A 16 px line icon, hidden from assistive technology: the control that holds it carries the label. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
