// Photos from the desktop: dropped on the page or picked, sent into the drop folder, then chosen.

import { uploadFile } from "./api.js";
import { byId, el } from "./dom.js";
import { t } from "./i18n.js";
import { choose, whenChanged } from "./state.js";

const AT_ONCE = 3;
const PATIENCE_MILLISECONDS = 300_000; // for a service that has no room; then the file counts as failed

let all = 0;
let done = 0;
let failed = []; // {name, reason}
let heldBy = null; // why a file has to wait, in the service's words

let whenDone = () => {};

/** Take uploads; call `listener` after each batch. */
export function startUploads(listener) {
  whenDone = listener;
  const input = byId("drop-input");
  input.addEventListener("change", () => {
    send([...input.files]);
    input.value = "";
  });
  startDropping();
  whenChanged(["language"], render);
}

function startDropping() {
  const veil = byId("veil");
  const hasFiles = (event) => event.dataTransfer.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (hasFiles(event)) veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) veil.hidden = true;
  });
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault(); // allows the drop
  });
  addEventListener("drop", async (event) => {
    veil.hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault();
    const lost = [];
    send(await filesOf(event.dataTransfer, lost), lost);
  });
}

/** The dropped files, also those in dropped folders; what cannot be read is added to `lost`. */
async function filesOf(transfer, lost) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (entries.some((entry) => entry?.isDirectory)) {
    return (await Promise.all(entries.filter(Boolean).map((entry) => filesBelow(entry, lost)))).flat();
  }
  return [...transfer.files];
}

async function filesBelow(entry, lost) {
  if (entry.name.startsWith(".")) return [];
  const attempt = (work) => new Promise(work).catch(() => {
    lost.push({ name: entry.name, reason: t("notOpened") });
    return [];
  });
  if (entry.isFile) return attempt((resolve, reject) => entry.file((file) => resolve([file]), reject));
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await attempt((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break; // it hands out a hundred at a time
    found.push(...some);
  }
  return (await Promise.all(found.map((one) => filesBelow(one, lost)))).flat();
}

/** Send files, a few at once; choose those that arrived. `lost` are {name, reason}. */
async function send(files, lost = []) {
  if (files.length + lost.length === 0) return;
  if (done === all) [all, done, failed] = [0, 0, []]; // a new batch
  all += files.length + lost.length;
  done += lost.length;
  failed.push(...lost);
  render();
  const queue = [...files];
  const arrived = [];
  const work = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      try {
        arrived.push(await patiently(() => uploadFile(file)));
      } catch (error) {
        failed.push({ name: file.name, reason: error.message || t("notReached") });
      }
      done += 1;
      heldBy = null;
      render();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  choose(arrived);
  whenDone();
}

/** Do `work`; when the service has no room for it just now, again after the time that it names. */
async function patiently(work) {
  const end = Date.now() + PATIENCE_MILLISECONDS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const pause = 1000 * error.retrySeconds;
      if (error.status !== 503 || error.retrySeconds === null || Date.now() + pause > end) throw error;
      heldBy = error.message;
      render();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function render() {
  const parts = [];
  if (done < all) {
    parts.push(el("p", {}, t("sending", { done: done + 1, all })),
      el("progress", { max: all, value: done, "aria-label": t("sending", { done: done + 1, all }) }));
    if (heldBy !== null) parts.push(el("p", { class: "muted" }, t("sendingHeld", { reason: heldBy })));
  } else if (all > failed.length) {
    parts.push(el("p", { class: "good-text" }, t("sent", { all: all - failed.length })));
  }
  if (failed.length > 0) {
    parts.push(el("ul", { class: "error-text" }, failed.map((one) => el("li", {}, t("notSent", one)))));
  }
  if (all > 0 && done === all) parts.push(dismissButton());
  byId("uploads").replaceChildren(...parts);
}

function dismissButton() {
  const dismiss = () => {
    [all, done, failed] = [0, 0, []];
    render();
  };
  return el("button", { type: "button", class: "quiet", on: { click: dismiss } }, t("dismiss"));
}
