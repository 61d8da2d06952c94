// A photo with the boxes of its faces, in a dialog; arrow keys lead through the same person's faces.

import { byId, el, putFocusBack } from "./dom.js";
import { elsewhereButton } from "./elsewhere.js";
import { number, t } from "./i18n.js";
import { picture } from "./images.js";

let faces = []; // those that the arrows lead through
let here = 0;
let answer = null;
let opener = null; // data-focus of what opened the dialog: it may be drawn again meanwhile

export function startPhoto() {
  closeOnBackdrop(byId("photo"));
  byId("photo").addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") go(1);
    if (event.key === "ArrowLeft") go(-1);
  });
  byId("photo").addEventListener("close", () => {
    // browsers leave the focus in the closed dialog if what opened it is no longer there
    if (byId("photo").contains(document.activeElement)) document.activeElement.blur();
    putFocusBack(opener);
  });
}

/** Let a click beside a dialog close it. */
export function closeOnBackdrop(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

/** Show the photo of `face`, one of `siblings` in the /persons document `found`. */
export function openPhoto(face, siblings, found) {
  [faces, here, answer] = [siblings, siblings.indexOf(face), found];
  opener = document.activeElement?.dataset?.focus;
  show();
  if (!byId("photo").open) byId("photo").showModal();
}

function go(step) {
  const next = here + step;
  if (next < 0 || next >= faces.length) return;
  here = next;
  show();
}

function show() {
  const face = faces[here];
  const stage = el("div", { class: "stage is-loading" });
  const held = document.activeElement?.dataset?.step;
  byId("photo").replaceChildren(el("div", { class: "dialog-body" }, head(face), stage, caption(face), elsewhereButton(face)));
  const arrow = held && byId("photo").querySelector(`[data-step="${held}"]:not(:disabled)`);
  (arrow ?? byId("photo").querySelector(".dialog-close")).focus();
  fillStage(stage, face);
}

function head(face) {
  const arrow = (step, name, sign) => el("button", {
    type: "button", class: "icon-button", "aria-label": t(name), data: { step: String(step) },
    disabled: faces[here + step] === undefined, on: { click: () => go(step) },
  }, sign);
  return el("div", { class: "dialog-head" },
    el("h2", { id: "photo-title", class: "name" }, t("photoTitle", { name: face.filepaths[0] })),
    faces.length > 1 ? el("span", { class: "muted" }, `${number(here + 1)} / ${number(faces.length)}`) : null,
    faces.length > 1 ? [arrow(-1, "previous", "‹"), arrow(1, "next", "›")] : null,
    closeButton(byId("photo")));
}

/** A button that closes `dialog`. */
export function closeButton(dialog) {
  return el("button", {
    type: "button", class: "icon-button dialog-close", "aria-label": t("close"), on: { click: () => dialog.close() },
  }, "×");
}

function caption(face) {
  const lines = [t("detection", { probability: number(face.probability, 3), sharpness: number(face.sharpness) })];
  if (face.filepaths.length > 1) lines.push(t("alsoAs", { names: face.filepaths.slice(1).join(", ") }));
  return el("p", { class: "muted" }, lines.join(" "));
}

async function fillStage(stage, face) {
  try {
    const { url, width, height } = await picture(`faces/${face.id}/photo.jpg`);
    const image = el("img", { src: url, alt: face.filepaths[0] });
    await image.decode();
    stage.replaceChildren(image, ...boxes(face, width || image.naturalWidth, height || image.naturalHeight));
    stage.style.setProperty("--ratio", String(image.naturalWidth / image.naturalHeight));
  } catch (error) {
    stage.replaceChildren(el("p", { class: "error-text" }, t("photoGone"), " ", el("q", { lang: "en" }, error.message)));
  }
  stage.classList.remove("is-loading");
}

/** Every face of the same photo, as shares of its size, so that they fit at any size on screen. */
function boxes(face, width, height) {
  const found = [];
  const [name] = face.filepaths;
  const add = (other, person) => {
    if (other.filepaths[0] === name) found.push(box(other, person, other.id === face.id, width, height));
  };
  for (const [position, person] of answer.persons.entries()) {
    for (const other of person.faces) add(other, position + 1);
  }
  for (const other of answer.left_out) add(other, null);
  return found;
}

function box(face, person, isThis, width, height) {
  const [left, top, right, bottom] = face.box;
  const kind = isThis ? "box is-this" : person === null ? "box is-left-out" : "box";
  const node = el("span", { class: kind, data: { box: face.id } },
    el("span", { class: "box-name" }, t("boxOf", { person })));
  const edges = {
    left: left / width, top: top / height, width: (right - left) / width, height: (bottom - top) / height,
  };
  for (const [edge, share] of Object.entries(edges)) node.style.setProperty(edge, `${100 * share}%`);
  return node;
}
