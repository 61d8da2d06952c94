// Two lists side by side: who is in both, and who only in one. The list that was kept is the first,
// the chosen photos are the second.

import { ApiError, askCompared } from "./api.js";
import { byId, el, keepingPlace } from "./dom.js";
import { number, t } from "./i18n.js";
import { crop } from "./images.js";
import { baseName, nameOnOneLine } from "./names.js";
import { walk } from "./people.js";
import { openPhoto } from "./photo.js";
import { change, state, whenChanged } from "./state.js";

const CALM_MILLISECONDS = 180; // as in ask.js
const LOST_SECONDS = 5;
const PERSONS_SHOWN = 60;
const FACES_SHOWN = 12; // of one person in one list
const ASKED = ["first", "files", "threshold", "faces", "linkage", "minPhotos"];

let timer = 0;
let under = null; // the AbortController of the comparison under way
let found = null; // the newest answer
let problem = null;
let asking = false;
let shown = PERSONS_SHOWN;

export function startCompare() {
  whenChanged(ASKED, () => compareSoon(CALM_MILLISECONDS));
  whenChanged([...ASKED, "language"], render);
  // photos may have been read since, or people have said who is whom
  whenChanged(["answer"], () => {
    if (found !== null && !asking && state.answer !== null) compareSoon();
  });
  compareSoon();
  render();
}

/** Compare in a moment; what is under way is no longer of interest. */
export function compareSoon(milliseconds = 0) {
  clearTimeout(timer);
  under?.abort();
  under = null;
  asking = state.first.length > 0 && state.files.length > 0;
  if (asking) timer = setTimeout(ask, milliseconds);
  else [found, problem] = [null, null];
}

function question() {
  const { first, files, threshold, faces, linkage, minPhotos } = state;
  return {
    a: first, b: files, threshold, unreadable: "skip", ...(faces && { faces }), ...(linkage && { linkage }),
    ...(minPhotos && { min_photos: Number(minPhotos) }),
  };
}

async function ask() {
  const mine = new AbortController();
  under = mine;
  let seconds = null;
  try {
    const answer = await askCompared(question(), mine.signal);
    if (mine !== under) return;
    [found, problem, asking, shown] = [answer, null, false, PERSONS_SHOWN];
  } catch (error) {
    if (mine !== under || error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    seconds = error.retrySeconds ?? (error.status === 0 ? LOST_SECONDS : null);
    [found, problem, asking] = [null, error, seconds !== null];
  }
  if (seconds !== null) timer = setTimeout(ask, 1000 * seconds);
  render();
}

function render() {
  keepingPlace(() => {
    byId("compare-card").hidden = state.first.length === 0 && state.files.length === 0;
    byId("compare").replaceChildren(...controls());
    byId("compared").hidden = state.first.length === 0;
    byId("compared-rows").replaceChildren(...result());
  });
  const sum = summary();
  if (byId("compared-sum").textContent !== sum) byId("compared-sum").textContent = sum; // once for those who listen
  byId("compared").setAttribute("aria-busy", String(asking));
  byId("compared").classList.toggle("is-stale", asking && found !== null);
}

function button(name, label, click) {
  return el("button", { type: "button", class: "quiet", data: { focus: `compare:${name}` }, on: { click } }, label);
}

function controls() {
  if (state.first.length === 0) {
    return [el("p", { class: "muted" }, t("compareText")),
      el("div", { class: "buttons" }, button("keep", t("compareKeep"), keep))];
  }
  const names = state.first.map((name) => el("li", {}, nameOnOneLine(name)));
  return [
    el("details", { data: { fold: "first" } },
      el("summary", { data: { focus: "first" } }, t("compareFirst", { count: state.first.length })),
      el("ul", { class: "compare-names", data: { scroll: "first" } }, names)),
    el("p", { class: "muted" }, state.files.length === 0 ? t("compareChoose") : t("compareSecond")),
    el("div", { class: "buttons" },
      state.files.length === 0 ? null : button("swap", t("compareSwap"), swap),
      button("end", t("compareEnd"), end)),
  ];
}

function keep() {
  change({ first: state.files, files: [] });
  byId("search").focus(); // for the second list
}

function swap() {
  change({ first: state.files, files: state.first });
}

function end() {
  change({ first: [], files: state.files.length === 0 ? state.first : state.files });
  byId("search").focus();
}

function result() {
  if (problem !== null) return [refusal()];
  if (found === null) return [];
  const rows = found.persons.slice(0, shown).map((person, position) => personRow(person, position + 1));
  const rest = found.persons.length - rows.length;
  return [
    found.persons.length === 0 ? null : el("table", { class: "compared-table" },
      el("thead", {}, el("tr", {},
        el("th", { scope: "col" }, el("span", { class: "hidden" }, t("comparePerson"))),
        el("th", { scope: "col" }, t("compareIn_a", { count: found.in_a })),
        el("th", { scope: "col" }, t("compareIn_b", { count: found.in_b })))),
      el("tbody", {}, rows)),
    rest > 0 ? button("more", t("showPeople", { count: rest }), more) : null,
  ].filter(Boolean);
}

function summary() {
  if (state.files.length === 0) return t("compareChoose");
  if (problem !== null) return "";
  if (found === null) return t("counting");
  return t("compareSum", { both: found.in_both, a: found.only_a, b: found.only_b });
}

function more() {
  shown += 5 * PERSONS_SHOWN;
  render();
}

function refusal() {
  return el("div", { class: "notice notice-warn" },
    el("p", {}, problem.status === 0 ? t("unreachable") : el("q", { lang: "en" }, problem.message)),
    button("again", t("askAgain"), () => {
      compareSoon();
      render();
    }));
}

function personRow(person, position) {
  const faces = [...person.a, ...person.b];
  return el("tr", { class: `is-in-${person.in}` },
    el("th", { scope: "row" }, t("personTitle", { number: position }),
      el("span", { class: "muted" }, t(`compareIs_${person.in}`))),
    ["a", "b"].map((side) => el("td", {}, facesOf(person[side], faces, position))));
}

function facesOf(faces, siblings, position) {
  if (faces.length === 0) {
    return [el("span", { "aria-hidden": "true" }, "–"), el("span", { class: "hidden" }, t("compareNobody"))];
  }
  const items = faces.slice(0, FACES_SHOWN).map((face, place) => el("li", {}, el("button", {
    type: "button", class: "face", tabindex: place === 0 ? 0 : -1, title: face.filepaths.join("\n"),
    "aria-label": t("face", { name: face.filepaths[0], person: position }),
    on: { click: () => openPhoto(face, siblings, asExplained()) },
  }, crop(face.id), nameOnOneLine(baseName(face.filepaths[0]), "face-name"))));
  const rest = faces.length - items.length;
  return [el("ul", { class: "faces", on: { keydown: walk } }, items),
    rest > 0 ? el("p", { class: "muted" }, `+ ${number(rest)}`) : null].filter(Boolean);
}

/** The persons as /persons gives them, for the boxes on a photo. */
function asExplained() {
  const persons = found.persons.map(({ a, b }) => {
    const known = new Set(a.map((face) => face.id));
    return { faces: [...a, ...b.filter((face) => !known.has(face.id))] };
  });
  return { persons, left_out: [] };
}
