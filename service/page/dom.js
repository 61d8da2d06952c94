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

/**
 * A button named `label` that does `work`. Without it being `usable` it does nothing, but it can hold the
 * focus: a disabled one would lose the place of those who use the keyboard. `focus` names that place.
 */
export function actionButton(label, focus, usable, work, kind = "button") {
  const click = () => {
    if (usable) work();
  };
  return el("button", {
    type: "button", class: kind, "aria-disabled": usable ? null : "true", data: { focus }, on: { click },
  }, label);
}

/** The element of an id. */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Run `change`, which rebuilds part of the page, and put back what people had done there: the focus
 * (by data-focus), how far lists were scrolled (data-scroll) and what was unfolded (data-fold).
 */
export function keepingPlace(change) {
  const focused = document.activeElement?.dataset?.focus;
  const scrolled = all("[data-scroll]").map((node) => [node.dataset.scroll, node.scrollTop]);
  const unfolded = all("details[data-fold][open]").map((node) => node.dataset.fold);
  change();
  for (const key of unfolded) one("fold", key)?.setAttribute("open", "");
  for (const [key, top] of scrolled) one("scroll", key)?.scrollTo({ top, behavior: "instant" });
  putFocusBack(focused);
}

/** Give the focus, if nothing has it, to what now stands where it was, by its data-focus. */
export function putFocusBack(key) {
  if (key && document.activeElement === document.body) one("focus", key)?.focus({ preventScroll: true });
}

function all(selector) {
  return [...document.querySelectorAll(selector)];
}

function one(name, key) {
  return document.querySelector(`[data-${name}="${CSS.escape(key)}"]`);
}

/** A function that calls `work` once nobody has called it for so long. */
export function debounced(work, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}
