// The people of the library: who is in all photos, the most photographed first, a page at a time.

import { ApiError, askPeople } from "./api.js";
import { byId, el, keepingPlace } from "./dom.js";
import { language, moment, t } from "./i18n.js";
import { crop } from "./images.js";
import { baseName, nameOnOneLine } from "./names.js";
import { walk } from "./people.js";
import { openPhoto } from "./photo.js";
import { change, state, whenChanged } from "./state.js";

const PAGE = 50;
const BUSY_MILLISECONDS = 2000;
const CALM_MILLISECONDS = 10_000;

let timer = 0;
let found = null; // the newest answer, about its first page
let rows = []; // the persons of all pages so far
let next = null; // the offset of the next page
let problem = null;
let drawn = []; // the rows on the page, and their language

export function startEverybody() {
  byId("everybody-open").addEventListener("click", toggle);
  byId("everybody-close").addEventListener("click", () => {
    toggle();
    byId("everybody-open").focus();
  });
  whenChanged(["everybody"], lookAtEverybody);
  whenChanged(["everybody", "language"], render);
  document.addEventListener("visibilitychange", lookAtEverybody);
  render();
  lookAtEverybody();
}

function toggle() {
  change({ everybody: state.everybody ? null : "1" });
  if (state.everybody) byId("everybody-title").focus();
}

/** Look now, and from now on every few seconds while it is shown. */
export async function lookAtEverybody() {
  clearTimeout(timer);
  if (!state.everybody || document.hidden) return;
  try {
    const page = await askPeople({ limit: PAGE });
    if (isNews(page)) [rows, next] = [page.persons, page.next];
    [found, problem] = [page, null];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    problem = error;
  }
  render();
  clearTimeout(timer);
  timer = setTimeout(lookAtEverybody, found?.state === "current" && problem === null ? CALM_MILLISECONDS : BUSY_MILLISECONDS);
}

/** Whether a first page shows others than the one before. */
function isNews(page) {
  return page.as_of?.at !== found?.as_of?.at || JSON.stringify(page.persons) !== JSON.stringify(found?.persons);
}

async function more() {
  try {
    const page = await askPeople({ limit: PAGE, offset: next });
    if (page.as_of?.at === found.as_of?.at) [rows, next] = [[...rows, ...page.persons], page.next];
    else await lookAtEverybody(); // others are known by now
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    problem = error;
  }
  render();
}

function render() {
  const isShown = Boolean(state.everybody);
  byId("everybody").hidden = !isShown;
  byId("everybody-open").setAttribute("aria-expanded", String(isShown));
  const sum = summary();
  if (byId("everybody-sum").textContent !== sum) byId("everybody-sum").textContent = sum;
  byId("everybody-state").replaceChildren(...(isShown ? doing() : []));
  const now = isShown ? [rows, language()] : [];
  if (now.every((one, place) => one === drawn[place]) && now.length === drawn.length) return; // nothing jumps
  drawn = now;
  keepingPlace(() => byId("everybody-rows").replaceChildren(...(isShown ? list() : [])));
}

function summary() {
  if (!state.everybody || found === null || found.person_num === null) return "";
  return t("everybodySum", { count: found.person_num, photos: found.photo_num, at: moment(found.as_of.at) });
}

/** What is being done, where that is more than nothing. */
function doing() {
  if (problem !== null) return [problem.message || t("notReached")];
  if (found === null) return [t("loading")];
  const parts = [];
  if (found.state === "counting") parts.push(t("everybodyCounting", { count: found.counting?.faces ?? 0 }));
  if (found.state === "waiting") parts.push(t("everybodyWaiting"));
  if (found.state === "off") parts.push(t("everybodyOff"));
  if (found.state === "refused") parts.push(el("q", { lang: "en" }, found.problem));
  if (found.beyond_measured) parts.push(parts.length > 0 ? " " : "", t("beyondMeasured"));
  return parts;
}

function list() {
  if (rows.length === 0) return [];
  const persons = rows.map((person, position) => row(person, position + 1));
  return [
    el("ol", { class: "people" }, persons),
    next === null ? null : el("button", {
      type: "button", class: "quiet", data: { focus: "everybody-more" }, on: { click: more },
    }, t("more")),
  ].filter(Boolean);
}

function row(person, position) {
  const title = `everybody-${position}`;
  return el("li", { class: "person", "aria-labelledby": title },
    el("div", { class: "person-head" },
      el("h3", { id: title }, t("personTitle", { number: position })),
      el("p", { class: "muted" }, t("everybodyPerson", { photos: person.photos, faces: person.face_num }))),
    el("ul", { class: "faces", on: { keydown: walk } }, person.faces.map((face, place) => item(face, place, person, position))));
}

function item(face, place, person, position) {
  const [name] = face.filepaths;
  const open = () => openPhoto(face, person.faces, { persons: rows, left_out: [] });
  return el("li", {}, el("button", {
    type: "button", class: "face", tabindex: place === 0 ? 0 : -1, title: face.filepaths.join("\n"),
    "aria-label": t("face", { name, person: position }), data: { focus: `everybody:${face.id}` }, on: { click: open },
  }, crop(face.id), nameOnOneLine(baseName(name), "face-name")));
}
