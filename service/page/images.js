// Pictures of faces. The page fetches them with the token, a few at a time, and keeps them in memory while
// it lives: the service lets no browser store them.

import { el } from "./dom.js";
import { t } from "./i18n.js";
import { request } from "./api.js";

const AT_ONCE = 4; // browsers open six connections; questions need some, too
const KEPT = 3000; // crops; some 10 KB each
const GRACE_MILLISECONDS = 10_000; // for images that were put into the page just now, to read theirs

const addresses = new Map(); // path to a promise of {url, headers}
const waiting = [];
let busy = 0;

/** The picture at `path`: {url, width, height}, the size being that of the full photo if told. */
export function picture(path) {
  if (!addresses.has(path)) {
    const found = inTurn(() => load(path));
    addresses.set(path, found);
    found.catch(() => addresses.delete(path));
    forgetOldest();
  }
  return addresses.get(path);
}

/** Forget all pictures, as after another token. */
export function forgetPictures() {
  for (const found of addresses.values()) release(found);
  addresses.clear();
}

function forgetOldest() {
  if (addresses.size <= KEPT) return;
  const [path, found] = addresses.entries().next().value;
  addresses.delete(path);
  release(found);
}

function release(found) {
  found.then(({ url }) => setTimeout(() => URL.revokeObjectURL(url), GRACE_MILLISECONDS), () => {});
}

async function load(path) {
  const response = await request(path);
  return {
    url: URL.createObjectURL(await response.blob()),
    width: Number(response.headers.get("X-Photo-Width")),
    height: Number(response.headers.get("X-Photo-Height")),
  };
}

function inTurn(work) {
  return new Promise((resolve, reject) => {
    waiting.push(() => work().then(resolve, reject).finally(() => {
      busy -= 1;
      next();
    }));
    next();
  });
}

function next() {
  while (busy < AT_ONCE && waiting.length > 0) {
    busy += 1;
    waiting.shift()();
  }
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    watcher.unobserve(entry.target);
    show(entry.target);
  }
}, { rootMargin: "300px" });

/** A face's crop; it is fetched when it comes near the screen. Decorative: what holds it is named. */
export function crop(id, className = "crop") {
  const frame = el("span", { class: className, "aria-hidden": "true", data: { face: id } });
  if (addresses.has(cropPath(id))) show(frame);
  else watcher.observe(frame);
  return frame;
}

function cropPath(id) {
  return `faces/${id}.jpg`;
}

async function show(frame) {
  try {
    const { url } = await picture(cropPath(frame.dataset.face));
    frame.replaceChildren(el("img", { src: url, alt: "", draggable: "false" }));
  } catch {
    frame.classList.add("crop-gone");
    frame.replaceChildren(el("span", {}, t("noCrop")));
  }
}
