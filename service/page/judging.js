// Puts a count right: people pick faces or whole persons, and say who is whom.

import { judge, undoJudgement } from "./api.js";
import { askSoon } from "./ask.js";
import { actionButton, byId, el, keepingPlace } from "./dom.js";
import { startDoubts } from "./doubts.js";
import { t } from "./i18n.js";
import { differences, likenesses, noPersons } from "./judgements.js";
import { openPhoto } from "./photo.js";
import { change, currentDocument, state, whenChanged } from "./state.js";

const GONE = [404, 409]; // statuses of an undo that can never succeed

const chosen = new Set(); // ids of faces, in the order of choosing
const steps = []; // ids of the judgements that each step here added, the newest last
let told = null; // {name, quoted}: what came of the last step
let busy = false;

export function startJudging() {
  byId("judging-switch").addEventListener("click", () => {
    chosen.clear();
    told = null;
    change({ judging: !state.judging });
  });
  whenChanged(["files"], () => {
    chosen.clear();
    steps.length = 0;
    told = null;
  });
  whenChanged(["files", "answer", "language", "judging", "asking"], render);
  startDoubts(say);
  render();
}

/** What a button says of a choice: null while nobody judges. */
export function pressed(faces) {
  return state.judging ? String(faces.length > 0 && faces.every((face) => chosen.has(face.id))) : null;
}

/** Choose a face, or give it up; while people judge, a click on a face does that. */
export function pick(face) {
  if (!chosen.delete(face.id)) chosen.add(face.id);
  render();
}

/** Choose all faces of a person, or give them up if all are chosen. */
export function pickPerson(person) {
  const all = person.faces.every((face) => chosen.has(face.id));
  for (const face of person.faces) {
    if (all) chosen.delete(face.id);
    else chosen.add(face.id);
  }
  render();
}

function render() {
  const found = state.files.length === 0 ? null : currentDocument();
  byId("judging").hidden = found === null || (found.persons.length === 0 && found.left_out.length === 0);
  byId("judging-switch").setAttribute("aria-pressed", String(state.judging));
  forgetGone(found);
  keepingPlace(() => {
    byId("judging-bar").hidden = !state.judging || byId("judging").hidden;
    byId("judging-tools").replaceChildren(...(found && state.judging ? tools(found) : []));
  });
  byId("judging-told").replaceChildren(...(told === null ? [] : said()));
  markChosen(found);
}

/** Faces that are no longer in the answer cannot be judged. */
function forgetGone(found) {
  if (found === null) return;
  const there = new Set(facesOf(found).map((face) => face.id));
  for (const id of chosen) if (!there.has(id)) chosen.delete(id);
}

function facesOf(found) {
  return [...found.persons.flatMap((person) => person.faces), ...found.left_out];
}

/** Show on the faces and persons themselves which are chosen. */
function markChosen(found) {
  if (!state.judging) return; // the rows are drawn anew without it
  for (const button of document.querySelectorAll("button.face[data-face]")) {
    button.setAttribute("aria-pressed", String(chosen.has(Number(button.dataset.face))));
  }
  const persons = new Map((found?.persons ?? []).map((person) => [String(person.faces[0].id), person]));
  for (const button of document.querySelectorAll("button[data-pick]")) {
    button.setAttribute("aria-pressed", pressed(persons.get(button.dataset.pick)?.faces ?? []));
  }
}

function said() {
  return told.quoted ? [t(told.name), " ", el("q", { lang: "en" }, told.quoted)] : [t(told.name)];
}

function tools(found) {
  const ids = [...chosen];
  const judged = judgementsOn(found, ids);
  const action = (name, enabled, work, kind) =>
    actionButton(t(name), `judging:${name}`, enabled && !busy, work, kind);
  return [
    el("p", { class: "judging-chosen" }, ids.length === 0 ? t("judgingHint") : t("judgingChosen", { count: ids.length })),
    el("div", { class: "judging-actions" },
      action("samePerson", ids.length > 1, () => say(likenesses(ids), "saidSame")),
      action("differentPeople", ids.length > 1, () => say(differences(ids, found), "saidDifferent")),
      action("notAPerson", ids.length > 0, () => say(noPersons(ids), "saidNobody")),
      action("lookAtThem", ids.length > 0, () => look(ids, found), "quiet"),
      action("undoLast", steps.length > 0, undoLast, "quiet"),
      action("takeBack", judged.length > 0, () => takeBack(judged), "quiet"),
      action("chooseNone", ids.length > 0, () => {
        chosen.clear();
        render();
      }, "quiet")),
  ];
}

/** Show the photos of the chosen faces, which a click only chooses. */
function look(ids, found) {
  const all = new Map(facesOf(found).map((face) => [face.id, face]));
  const faces = ids.map((id) => all.get(id));
  openPhoto(faces[0], faces, found);
}

function judgementsOn(found, ids) {
  const wanted = new Set(ids);
  const faces = facesOf(found).filter((face) => wanted.has(face.id));
  return [...new Set(faces.flatMap((face) => face.judgements ?? []))];
}

/** Send judgements; `name` is what to tell of it. The count is asked for anew. */
async function say(judgements, name) {
  const before = new Set(facesOf(currentDocument()).flatMap((face) => face.judgements ?? []));
  await step(name, async () => {
    const { judgements: kept } = await judge(judgements);
    const added = kept.map(({ id }) => id).filter((id) => !before.has(id));
    if (added.length > 0) steps.push([...new Set(added)]);
    chosen.clear();
  });
}

async function takeBack(ids) {
  await step("tookBack", async () => {
    await undoAll(ids);
    chosen.clear();
  });
}

async function undoLast() {
  await step("undone", () => undoAll(steps.at(-1)));
}

/** Undo judgements, the newest first. One that is gone, or was undone elsewhere, is not tried again. */
async function undoAll(ids) {
  for (const id of [...ids].reverse()) {
    try {
      await undoJudgement(id);
    } catch (error) {
      if (GONE.includes(error.status)) forgetStep(id);
      throw error;
    }
    forgetStep(id);
  }
}

function forgetStep(id) {
  for (const ids of steps) {
    if (ids.includes(id)) ids.splice(ids.indexOf(id), 1);
  }
  while (steps.length > 0 && steps.at(-1).length === 0) steps.pop();
}

async function step(name, work) {
  if (busy) return;
  busy = true;
  told = null;
  render();
  try {
    await work();
    told = { name };
  } catch (error) {
    told = { name: error.status === 0 ? "unreachable" : "notJudged", quoted: error.message };
  } finally {
    busy = false;
    render();
    askSoon(); // even after a failure: a part may have been done
  }
}
