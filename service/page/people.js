// Everybody who was counted, as rows of faces; below, the faces that were left out.

import { byId, el, keepingPlace } from "./dom.js";
import { number, t } from "./i18n.js";
import { crop } from "./images.js";
import { inOrderOfJoining } from "./joining.js";
import { pick, pickPerson, pressed } from "./judging.js";
import { openLink } from "./link.js";
import { baseName, nameOnOneLine } from "./names.js";
import { openPhoto } from "./photo.js";
import { currentDocument, state, whenChanged } from "./state.js";

const FACES_SHOWN = 24; // of one person
const PEOPLE_SHOWN = 60;
const BARELY = 0.9; // of the threshold: a link beyond it is worth a look
const REASONS = {
  small: "reason_small", improbable: "reason_improbable", "cut off": "reason_cut_off",
  "not the most prominent face": "reason_prominent",
  "its person is in too few photos": "reason_few",
  "not a person": "reason_nobody",
};

let shown = PEOPLE_SHOWN;
const unfolded = new Set(); // first face of each person all of whose faces are shown

export function startPeople() {
  whenChanged(["files"], () => {
    shown = PEOPLE_SHOWN;
    unfolded.clear();
  });
  whenChanged(["files", "answer", "language", "faces", "linkage", "minPhotos", "judging"], render);
  whenChanged(["threshold", "asking"], () => (state.answer === null ? render() : renderBusy()));
  render();
}

/** Rows that belong to another threshold or list are still shown, but dimmed until theirs come. */
function renderBusy() {
  const found = currentDocument();
  const isStale = found === null || Number(found.threshold) !== Number(state.threshold);
  for (const id of ["people", "left-out"]) {
    byId(id).classList.toggle("is-stale", state.files.length > 0 && isStale && state.asking);
    byId(id).setAttribute("aria-busy", String(isStale && state.asking));
  }
}

function render() {
  const document = state.files.length === 0 ? null : state.answer?.document;
  keepingPlace(() => {
    byId("people").replaceChildren(...(document ? people(document) : placeholder()));
    byId("left-out").replaceChildren(...(document ? leftOut(document) : []));
  });
  renderBusy();
}

function placeholder() {
  if (!state.asking) return [];
  return Array.from({ length: 3 }, () => el("div", { class: "person bones", "aria-hidden": "true" },
    Array.from({ length: 4 }, () => el("span", { class: "crop" }))));
}

function people(found) {
  if (found.persons.length === 0) return [];
  const numbered = found.persons.map((person, position) => ({ ...person, number: position + 1 }));
  const rows = numbered.slice(0, shown).map((person) => personRow(person, found));
  const rest = numbered.length - rows.length;
  return [
    el("h2", { class: "section-title" }, t("peopleTitle")),
    el("ol", { class: "people" }, rows),
    rest > 0 ? unfoldButton(t("showPeople", { count: rest }), "people", () => { shown += 5 * PEOPLE_SHOWN; }) : null,
  ].filter(Boolean);
}

function unfoldButton(label, focus, unfold) {
  const click = () => {
    unfold();
    render();
  };
  return el("button", { type: "button", class: "quiet", data: { focus }, on: { click } }, label);
}

function personRow(person, found) {
  const files = new Set(person.faces.map((face) => face.filepaths[0])).size;
  const key = person.faces[0].id;
  const joined = inOrderOfJoining(person);
  const all = joined.length <= FACES_SHOWN || unfolded.has(key);
  const siblings = joined.map(({ face }) => face);
  const title = `person-${person.number}`;
  return el("li", { class: person.faces.length === 1 ? "person person-single" : "person", "aria-labelledby": title },
    el("div", { class: "person-head" },
      el("h3", { id: title }, t("personTitle", { number: person.number })),
      el("p", { class: "muted" }, t("personFaces", { count: person.faces.length, files })),
      person.warnings.map((warning) => el("p", { class: "tag", title: t(`${warning}Text`) }, t(warning))),
      state.judging ? wholePerson(person) : null),
    el("ul", { class: "faces", on: { keydown: walk } }, (all ? joined : joined.slice(0, FACES_SHOWN)).map(({ face, link }, position) =>
      faceItem(face, { person: person.number, found, siblings, first: position === 0, weak: weakness(link, found) }))),
    all ? null : unfoldButton(t("showFaces", { count: person.faces.length }), `all:${key}`, () => unfolded.add(key)),
    person.links.length > 0 ? joins(person, found) : null);
}

function wholePerson(person) {
  const key = person.faces[0].id;
  return el("button", {
    type: "button", class: "quiet judging-person", "aria-pressed": pressed(person.faces), data: { pick: key, focus: `pick:${key}` },
    on: { click: () => pickPerson(person) },
  }, t("wholePerson", { number: person.number }));
}

/** The threshold of the link that a face joined by, if that is near the cut or beyond; else null. */
function weakness(link, found) {
  return link !== null && !link.judged && link.threshold >= BARELY * Number(found.threshold) ? number(link.threshold, 3) : null;
}

export function faceItem(face, { person, found, siblings, first, reason = null, weak = null, where = "face" }) {
  const [name] = face.filepaths;
  const open = () => (state.judging ? pick(face) : openPhoto(face, siblings, found));
  return el("li", { class: weak && "is-weak" },
    el("button", {
      type: "button", class: "face", tabindex: first ? 0 : -1, title: face.filepaths.join("\n"),
      "aria-label": t("face", { name, person }), "aria-pressed": pressed([face]),
      data: { focus: `${where}:${face.id}`, face: face.id },
      on: { click: open },
    }, crop(face.id), nameOnOneLine(baseName(name), "face-name")),
    weak ? el("span", { class: "face-weak", title: t("barelyText", { threshold: weak }) }, `${t("barely")} ${weak}`) : null,
    face.judgements ? el("span", { class: "face-judged", title: t("judgedText") }, t("judged")) : null,
    reason ? el("span", { class: "face-reason" }, reason) : null);
}

/** Arrow keys go from face to face; Tab goes from person to person. */
export function walk(event) {
  const buttons = [...event.currentTarget.querySelectorAll("button.face")];
  const here = buttons.indexOf(event.target);
  const targets = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: buttons.length - 1 };
  const next = buttons[targets[event.key]];
  if (here < 0 || !next) return;
  event.preventDefault();
  buttons[here].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

/** The links without which the person would fall apart, the weakest first; built when opened. */
function joins(person, found) {
  const key = `joins:${person.faces[0].id}`;
  const box = el("details", { class: "joins", data: { fold: key } }, el("summary", { data: { focus: key } },
    t("links", { count: person.links.length }), el("span", { class: "muted" }, person.weakest_link === null
      ? t("allSaid") : t("weakest", { threshold: number(person.weakest_link.threshold, 3) }))));
  box.addEventListener("toggle", () => {
    if (!box.open || box.querySelector("ul")) return;
    const links = [...person.links].reverse();
    box.append(el("ul", { class: "links" }, links.map((link) => linkItem(link, person, found))));
  });
  return box;
}

function linkItem(link, person, found) {
  const distance = number(link.distance, 3);
  const threshold = number(link.threshold, 3);
  return el("li", {}, el("button", {
    type: "button", class: "pair", "aria-label": t(link.judged ? "linkButtonJudged" : "linkButton", { distance, threshold }),
    on: { click: () => openLink(link, person, found) },
  }, crop(link.faces[0], "crop crop-small"), el("span", { class: "pair-line" }, link.judged ? t("judged") : threshold),
  crop(link.faces[1], "crop crop-small")));
}

function leftOut(found) {
  if (found.left_out.length === 0) return [];
  const items = found.left_out.map((face, position) => faceItem(face, {
    person: null, found, siblings: found.left_out, first: position === 0,
    reason: REASONS[face.reason] ? t(REASONS[face.reason]) : face.reason,
  }));
  return [el("details", { class: "card left-out", data: { fold: "left-out" } },
    el("summary", { data: { focus: "left-out" } }, t("leftOutTitle", { count: items.length })),
    el("p", { class: "muted" }, t("leftOutText")),
    el("ul", { class: "faces", on: { keydown: walk } }, items))];
}
