// Two faces that were joined, side by side, and how near they are.

import { byId, el } from "./dom.js";
import { number, t } from "./i18n.js";
import { crop } from "./images.js";
import { nameOnOneLine } from "./names.js";
import { closeButton, closeOnBackdrop, openPhoto } from "./photo.js";

const OPERATING = 0.2; // the threshold at which the false match rate was measured

export function startLink() {
  closeOnBackdrop(byId("link"));
}

/** Show a link of a person of the /persons document `found`. */
export function openLink(link, person, found) {
  const dialog = byId("link");
  const pair = link.faces.map((id) => person.faces.find((face) => face.id === id));
  dialog.replaceChildren(el("div", { class: "dialog-body" },
    el("div", { class: "dialog-head" }, el("h2", { id: "link-title" }, t("linkTitle")), closeButton(dialog)),
    el("div", { class: "pair-large" }, pair.map((face) => side(face, person, found))),
    el("dl", { class: "link-figures" },
      el("dt", {}, t("linkDistance")), el("dd", {}, number(link.distance, 4)),
      el("dt", {}, t("linkThreshold")), el("dd", {}, number(link.threshold, 4))),
    meaning(link)));
  dialog.showModal();
}

function side(face, person, found) {
  const [name] = face.filepaths;
  return el("button", {
    type: "button", class: "face", "aria-label": t("face", { name, person: person.number }), title: name,
    on: { click: () => openPhoto(face, pairFaces(face, person), found) },
  }, crop(face.id, "crop crop-large"), nameOnOneLine(name, "face-name"));
}

function pairFaces(face, person) {
  return person.faces.includes(face) ? person.faces : [face];
}

/** What such a distance means among strangers; nothing is known on the plain cosine scale. */
function meaning(link) {
  if (link.distance === link.threshold) return null;
  const name = link.threshold < OPERATING ? "linkBelow" : "linkAbove";
  return el("p", { class: "muted" }, t(name, { threshold: number(link.threshold, 3) }));
}
