// Where a second model disagrees: people whom one model takes for one and the other for several.

import { byId, el, keepingPlace } from "./dom.js";
import { t } from "./i18n.js";
import { faceItem } from "./people.js";
import { state, whenChanged } from "./state.js";

const FACES_SHOWN = 6; // of each part
const DIGEST = /-[0-9a-f]{16}$/; // behind a model's name, of its weights

export function startSecond() {
  whenChanged(["files", "answer", "language"], render);
  render();
}

function render() {
  const found = state.files.length === 0 ? null : state.answer?.document;
  keepingPlace(() => byId("second").replaceChildren(...(found?.second_opinion ? opinion(found) : [])));
}

function opinion(found) {
  const said = found.second_opinion;
  const places = [
    ...said.parted?.map((parts) => ["secondParts", parts]) ?? [],
    ...said.joined?.map((parts) => ["secondJoins", parts]) ?? [],
  ];
  const missing = said.photos_missing
    ? [el("p", { class: "muted" }, t("secondMissing", { count: said.photos_missing }))] : [];
  if (places.length === 0) return [el("p", { class: "muted second" }, sentence(said, found)), ...missing];
  return [el("section", { class: "card second", "aria-labelledby": "second-title" },
    el("h2", { class: "section-title", id: "second-title" }, sentence(said, found)), ...missing,
    el("ul", { class: "places" }, places.map(([name, parts]) => place(t(name), parts, found))))];
}

function sentence(said, found) {
  const model = said.model.replace(DIGEST, "");
  if (said.person_num === null) return t("secondNone", { model, reason: said.reason });
  const differs = said.parted.length + said.joined.length > 0;
  const name = differs ? "secondDiffers" : said.person_num === found.person_num ? "secondAgrees" : "secondCounts";
  return t(name, { model, count: said.person_num });
}

/** Faces in their parts, a gap between one part and the next. */
function place(label, parts, found) {
  const known = new Map(found.persons.flatMap((person, position) =>
    person.faces.map((face) => [face.id, { face, person: position + 1 }])));
  return el("li", {}, el("p", {}, label), el("div", { class: "parts" }, parts.map((part) =>
    el("ul", { class: "faces" }, part.slice(0, FACES_SHOWN).map((id) => {
      const { face, person } = known.get(id);
      return faceItem(face, { person, found, siblings: found.persons[person - 1].faces, first: true, where: "second" });
    })))));
}
