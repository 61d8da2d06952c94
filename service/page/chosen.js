// The chosen files, each with what came of it; those that need attention come first.

import { byId, el, keepingPlace } from "./dom.js";
import { t } from "./i18n.js";
import { nameOnOneLine } from "./names.js";
import { change, currentDocument, state, unchoose, whenChanged } from "./state.js";

const SHOWN = 60; // and so many times more each time that somebody asks for more
const GROWTH = 5;
const ORDER = ["failed", "unknown", "no_photo", "pending", "folder", "no_face", "counted", "asked"];
const TROUBLE = ["failed", "pending"];

let most = SHOWN;

export function startChosen() {
  byId("chosen-clear").addEventListener("click", () => {
    change({ files: [] });
    byId("search").focus();
  });
  whenChanged(["files", "answer", "language", "faces", "linkage", "minPhotos"], render);
  render();
}

/** Per file: its status, the reason if it failed, a note if there is one, and how many of its faces count. */
function statuses(document) {
  const files = new Map((document?.files ?? []).map((file) => [file.filepath, { ...file, count: 0 }]));
  for (const person of document?.persons ?? []) {
    for (const face of person.faces) {
      for (const name of face.filepaths) files.get(name).count += 1;
    }
  }
  return files;
}

function render() {
  byId("chosen-card").hidden = state.files.length === 0;
  const current = currentDocument();
  byId("chosen-title").textContent = t("chosenCount", { count: current?.files.length ?? state.files.length });
  // while a changed list is asked about, what is known of files that stay is still true
  const document = current ?? state.answer?.document;
  const known = statuses(document);
  for (const { filepath, photos } of document?.folders ?? []) {
    known.set(filepath, { filepath, status: "folder", count: photos });
  }
  const rows = state.files.map((name) => known.get(name) ?? { filepath: name, status: "asked" });
  if (current !== null) rows.push(...troubleInFolders(known));
  rows.sort((one, other) => ORDER.indexOf(one.status) - ORDER.indexOf(other.status));
  const shown = rows.slice(0, most);
  keepingPlace(() => byId("chosen").replaceChildren(
    el("ul", { class: "chosen-list", data: { scroll: "chosen" } }, shown.map(chosenRow)),
    ...(shown.length < rows.length ? [moreButton()] : []),
  ));
}

/** The files of folders that need attention; the others are told by their number. */
function troubleInFolders(known) {
  const chosen = new Set(state.files);
  return [...known.values()]
    .filter(({ filepath, status }) => TROUBLE.includes(status) && !chosen.has(filepath))
    .map((row) => ({ ...row, isInside: true }));
}

function chosenRow({ filepath, status, reason, note, count, isInside }) {
  const remove = isInside ? null : el("button", {
    type: "button",
    class: "icon-button",
    "aria-label": t("remove", { name: filepath }),
    data: { focus: `chosen:${filepath}` },
    on: { click: () => removeRow(filepath) },
  }, "×");
  const why = reason ?? note;
  const about = [t(`status_${status}`, { count }), why ? el("span", { class: "reason", lang: "en" }, why) : null];
  return el("li", { class: `chosen-row is-${status}`, data: { status } },
    el("span", { class: "dot", "aria-hidden": "true" }),
    nameOnOneLine(filepath),
    el("span", { class: "about" }, about),
    remove);
}

/** Remove a file; the focus goes to the next one, so that the keyboard can go on. */
function removeRow(filepath) {
  const buttons = [...byId("chosen").querySelectorAll("button.icon-button")];
  const position = buttons.findIndex((button) => button.dataset.focus === `chosen:${filepath}`);
  unchoose([filepath]);
  const left = [...byId("chosen").querySelectorAll("button.icon-button")];
  (left[Math.min(position, left.length - 1)] ?? byId("search")).focus();
}

function moreButton() {
  const more = () => {
    most *= GROWTH;
    render();
  };
  return el("button", { type: "button", class: "quiet", data: { focus: "chosen-more" }, on: { click: more } }, t("more"));
}
