// File names that fit: the middle gives way, because long names often differ at their ends.

import { el } from "./dom.js";

const TAIL = 8; // characters at the end of a long name that always stay

/** A name on one line; whoever needs all of it finds it in the title. */
export function nameOnOneLine(name, className = "name") {
  const cut = name.length > 2 * TAIL ? name.length - TAIL : name.length;
  return el("span", { class: `${className} one-line`, title: name },
    el("span", {}, name.slice(0, cut)), cut < name.length ? el("span", {}, name.slice(cut)) : null);
}

/** A file's name without its folders. */
export function baseName(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}
