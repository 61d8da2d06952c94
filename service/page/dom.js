// Builds nodes. Text always becomes text nodes: file names can never become markup.

const SVG = "http://www.w3.org/2000/svg";

/** A new element. `on` holds listeners, `data` goes to dataset, null and false leave an attribute out. */
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === "data") {
      Object.assign(node.dataset, value);
    } else {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** The element of an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Run `change`, which rebuilds part of the page, and put the focus back where it was. */
export function keepingFocus(change) {
  const key = document.activeElement?.dataset?.focus;
  change();
  if (key && document.activeElement === document.body) {
    document.querySelector(`[data-focus="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  }
}

/** A function that calls `work` once nobody has called it for so long. */
export function debounced(work, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}
