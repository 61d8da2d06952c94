// Two faces that were joined, side by side, and how near they are.

import { byId, el } from "./dom.js";
import { number, t } from "./i18n.js";
import { crop } from "./images.js";
import { nameOnOneLine } from "./names.js";
import { closeButton, closeOnBackdrop, openPhoto } from "./photo.js";

const OPERATING = 0.2; // the threshold up to which a distance needs no explanation
const PAIRS = 10_000; // of strangers, by which a share is told

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
  if (link.judged) return el("p", { class: "muted" }, t("linkJudged"));
  if (link.distance === link.threshold) return null;
  const why = link.threshold < OPERATING ? null : el("p", { class: "muted" }, t("linkWhy"));
  return [el("p", { class: "muted" }, amongStrangers(link)), why];
}

function amongStrangers(link) {
  const threshold = number(link.threshold, 3);
  const rate = link.false_match_rate;
  if (rate === null) return t("linkUnknown", { threshold });
  return t("linkRate", { threshold, ...atMost(rate) });
}

/** A share as so many in so many: whole ones in 10,000, or one in a round number; never below `rate`. */
function atMost(rate) {
  if (rate * PAIRS >= 1) return { count: Math.ceil(Number((rate * PAIRS).toPrecision(6))), of: PAIRS };
  const [first, power] = (1 / rate).toExponential(5).split("e");
  return { count: 1, of: Math.floor(first) * 10 ** power };
}
