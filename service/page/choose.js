// Finds photos: a search in what the service knows, and a list to paste.

import { askFiles, askMostFiles } from "./api.js";
import { byId, debounced, el, keepingPlace } from "./dom.js";
import { number, t } from "./i18n.js";
import { nameOnOneLine } from "./names.js";
import { choose, state, unchoose, whenChanged } from "./state.js";

const PAGE = 50;
const LARGEST_PAGE = 200; // the service gives no more at once
const TYPING_MILLISECONDS = 200;

let rows = [];
let next = null;
let error = null;
let loading = true;
let adding = null; // how many were added so far, while all are being added
let full = null; // how many a question may have, once not all could be added
let under = null;

export function startChoosing() {
  byId("search").addEventListener("input", debounced(searchAnew, TYPING_MILLISECONDS));
  byId("paste-add").addEventListener("click", addPasted);
  startTabs();
  whenChanged(["files", "language"], render);
  render();
  search();
}

/** Look again: there may be more photos now. */
export function refreshFound() {
  if (adding === null && rows.length <= PAGE) search();
}

function given(more = {}) {
  return { search: byId("search").value.trim(), limit: PAGE, ...more };
}

function searchAnew() {
  full = null;
  search();
}

async function search() {
  await load({}, (page) => page.files);
}

function loadMore() {
  return load({ after: next }, (page) => [...rows, ...page.files]);
}

async function load(more, merged) {
  under?.abort();
  const mine = new AbortController();
  under = mine;
  try {
    const page = await askFiles(given(more), mine.signal);
    [rows, next, error] = [merged(page), page.next ?? null, null];
  } catch (problem) {
    if (problem.name === "AbortError") return;
    error = problem;
  }
  loading = false;
  render();
}

async function addAll() {
  const chosen = new Set(state.files);
  const names = []; // those that are not chosen yet
  let after = null;
  [adding, full] = [0, null];
  render();
  try {
    const most = await askMostFiles();
    const room = Math.max(0, most - chosen.size);
    do {
      const page = await askFiles(given({ limit: LARGEST_PAGE, after }));
      names.push(...page.files.map((file) => file.filepath).filter((name) => !chosen.has(name)));
      after = page.next ?? null;
      adding = names.length;
      render();
    } while (after !== null && names.length <= room);
    if (names.length > room) full = most;
    choose(names.slice(0, room));
  } catch (problem) {
    error = problem;
  }
  adding = null;
  render();
}

function addPasted() {
  const lines = byId("paste").value.split(/\r?\n/).filter((line) => line.trim() !== "");
  choose(lines);
  byId("paste").value = "";
}

function render() {
  const text = byId("search").value.trim();
  keepingPlace(() => byId("found").replaceChildren(...contents(text)));
}

function contents(text) {
  if (error !== null) return [el("p", { class: "error-text" }, error.message || t("notReached"))];
  if (loading) return [el("p", { class: "muted" }, t("loading"))];
  if (rows.length === 0) return [el("p", { class: "muted" }, text ? t("nothingFound", { text }) : t("nothingThere"))];
  const chosen = new Set(state.files);
  const list = el("ul", { class: "found-list", data: { scroll: "found" } }, rows.map((row) => found(row, chosen.has(row.filepath))));
  const left = full === null ? null : el("p", { class: "error-text", role: "status" }, t("notAllAdded", { most: full }));
  return [list, el("div", { class: "buttons" }, allButton(), moreButton()), left].filter(Boolean);
}

function found(row, isChosen) {
  const box = el("input", {
    type: "checkbox",
    checked: isChosen,
    data: { focus: `found:${row.filepath}` },
    on: { change: () => (box.checked ? choose([row.filepath]) : unchoose([row.filepath])) },
  });
  box.checked = isChosen;
  return el("li", {}, el("label", { class: `found-row is-${row.state}` },
    box, nameOnOneLine(row.filepath), el("span", { class: "about" }, about(row))));
}

/** What is known of a file, in the words of the list of chosen ones. */
function about({ state: known, faces, note }) {
  if (known !== "indexed") return [t(`status_${known}`)];
  const found = faces === 0 ? t("status_no_face") : t("facesIn", { count: faces });
  return [found, note ? el("span", { class: "reason", lang: "en" }, note) : null];
}

function allButton() {
  const label = adding === null ? t("addAll") : t("addingAll", { count: adding });
  return el("button", {
    type: "button", class: "button", disabled: adding !== null, data: { focus: "add-all" }, on: { click: addAll },
  }, label, next === null && adding === null ? ` (${number(rows.length)})` : null);
}

function moreButton() {
  if (next === null) return null;
  return el("button", { type: "button", class: "quiet", data: { focus: "more" }, on: { click: loadMore } }, t("more"));
}

function startTabs() {
  const tabs = [byId("tab-search"), byId("tab-paste")];
  const show = (chosen) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
  };
  for (const [position, tab] of tabs.entries()) {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const other = tabs[1 - position];
      show(other);
      other.focus();
    });
  }
}
