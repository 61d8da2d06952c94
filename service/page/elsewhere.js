// Where else is this person? The faces of the whole library that are nearest to one, in a dialog.

import { ApiError, askSimilar } from "./api.js";
import { byId, el } from "./dom.js";
import { number, t } from "./i18n.js";
import { crop } from "./images.js";
import { baseName, nameOnOneLine } from "./names.js";
import { closeButton, closeOnBackdrop, openPhoto } from "./photo.js";
import { change, state } from "./state.js";

const SHOWN = 24; // and all that the service gives when somebody asks for more
const MOST = 200;

let wanted = null; // the face that was asked about last

export function startElsewhere() {
  closeOnBackdrop(byId("elsewhere"));
}

/** A button that asks where else the person of `face` is. */
export function elsewhereButton(face) {
  return el("div", { class: "buttons" }, el("button", {
    type: "button", class: "button", data: { elsewhere: face.id }, on: { click: () => openElsewhere(face) },
  }, t("elsewhere")));
}

function openElsewhere(face) {
  show(face, el("p", { class: "muted", role: "status" }, t("loading")));
  byId("elsewhere").showModal();
  byId("elsewhere").querySelector(".dialog-close").focus();
  look(face, SHOWN);
}

async function look(face, limit) {
  wanted = face;
  try {
    const found = await askSimilar(face.id, { threshold: state.threshold, limit });
    if (wanted === face) show(face, answer(found, limit));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (wanted === face) show(face, refusal(error));
  }
}

function show(face, content) {
  const dialog = byId("elsewhere");
  const held = dialog.contains(document.activeElement);
  dialog.replaceChildren(el("div", { class: "dialog-body" },
    el("div", { class: "dialog-head" }, crop(face.id, "crop crop-small"),
      el("h2", { id: "elsewhere-title" }, t("elsewhere")), closeButton(dialog)),
    content));
  if (held) dialog.querySelector(".dialog-close").focus();
}

function refusal(error) {
  return el("p", { class: "error-text" }, error.status === 0 ? t("notReached") : el("q", { lang: "en" }, error.message));
}

function answer(found, limit) {
  const sum = t("elsewhereFound", { count: found.found, threshold: found.threshold });
  if (found.similar.length === 0) return [el("p", { role: "status" }, sum)];
  const photos = [...new Set([found.face, ...found.similar].map((face) => face.filepaths[0]))];
  const more = found.found > limit && limit < MOST;
  return [
    el("p", { role: "status" }, sum),
    el("p", { class: "muted" }, t("elsewhereText")),
    el("ul", { class: "faces" }, found.similar.map((face) => item(face, found))),
    el("div", { class: "buttons" },
      el("button", { type: "button", class: "button", on: { click: () => askAbout(photos) } },
        t("elsewhereAsk", { count: photos.length })),
      more ? el("button", { type: "button", class: "quiet", on: { click: () => look(found.face, MOST) } }, t("more")) : null),
  ];
}

function item(face, found) {
  const threshold = number(face.threshold, 3);
  const open = () => {
    byId("elsewhere").close();
    openPhoto(face, found.similar, { persons: [], left_out: [] });
  };
  return el("li", {}, el("button", {
    type: "button", class: "face", title: face.filepaths.join("\n"),
    "aria-label": t("elsewhereFace", { name: face.filepaths[0], threshold }), on: { click: open },
  }, crop(face.id), nameOnOneLine(baseName(face.filepaths[0]), "face-name"),
  el("span", { class: "face-reason" }, threshold)));
}

function askAbout(photos) {
  byId("elsewhere").close();
  byId("photo").close();
  change({ files: photos });
  byId("answer").focus();
}
