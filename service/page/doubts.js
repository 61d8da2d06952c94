// Asks about the faces of which the count is least sure, one question at a time, the most doubtful first.

import { actionButton, byId, el, keepingPlace } from "./dom.js";
import { number, t } from "./i18n.js";
import { crop } from "./images.js";
import { baseName, nameOnOneLine } from "./names.js";
import { openPhoto } from "./photo.js";
import { currentDocument, state, whenChanged } from "./state.js";

const unsure = new Set(); // pairs that the person could not tell

let say = null;

/** Begin; `judge(judgements, name)` sends what was answered. */
export function startDoubts(judge) {
  say = judge;
  whenChanged(["files"], () => unsure.clear());
  whenChanged(["files", "answer", "language", "judging", "asking"], render);
  render();
}

function render() {
  const found = state.judging ? currentDocument() : null;
  keepingPlace(() => byId("doubts").replaceChildren(...(found ? question(found) : [])));
}

function question(found) {
  const all = new Map(
    [...found.persons.flatMap((person) => person.faces), ...found.left_out].map((face) => [face.id, face]),
  );
  const open = found.doubts.filter((doubt) => !unsure.has(key(doubt)) && doubt.faces.every((id) => all.has(id)));
  if (open.length === 0) return [el("p", { class: "muted" }, t("noDoubts"))];
  const [doubt] = open;
  const faces = doubt.faces.map((id) => all.get(id));
  const answer = (name, work, kind) => actionButton(t(name), `doubt:${name}`, !state.asking, work, kind);
  const judged = (verdict) => [{ verdict, faces: doubt.faces }];
  return [
    el("h3", { id: "doubt-title" }, t(doubt.joined ? "doubtJoined" : "doubtApart")),
    el("p", { class: "muted" }, t("doubtText", { count: open.length, threshold: number(doubt.threshold, 3) })),
    el("div", { class: "doubt", role: "group", "aria-labelledby": "doubt-title" },
      el("ul", { class: "doubt-faces" }, faces.map((face) => faceItem(face, faces, found))),
      el("div", { class: "judging-actions" },
        answer("samePerson", () => say(judged("same"), "saidSame")),
        answer("differentPeople", () => say(judged("different"), "saidDifferent")),
        answer("notSure", () => {
          unsure.add(key(doubt));
          render();
        }, "quiet"))),
  ];
}

function key(doubt) {
  return doubt.faces.join(" ");
}

function faceItem(face, faces, found) {
  const [name] = face.filepaths;
  return el("li", {}, el("button", {
    type: "button", class: "face", "aria-label": t("doubtFace", { name }), data: { focus: `doubt-face:${face.id}` },
    on: { click: () => openPhoto(face, faces, found) },
  }, crop(face.id), nameOnOneLine(baseName(name), "face-name")));
}
