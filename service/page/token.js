// Asks for a token when the service does.

import { hasToken, onTokenNeeded, useToken } from "./api.js";
import { byId, el } from "./dom.js";
import { t } from "./i18n.js";
import { forgetPictures } from "./images.js";

const POSSIBLE = /^[\x21-\x7e]+$/; // what a header may hold

let declined = false; // whoever closed the form is not asked again, but has a button for it

/** Show the form when a token is needed; call `retry` when there is one. */
export function startTokens(retry) {
  onTokenNeeded((sentence) => {
    if (!declined) openTokenForm(hasToken() ? sentence : "");
  });
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const token = byId("token-input").value.trim();
    if (!POSSIBLE.test(token)) {
      byId("token-error").textContent = t("tokenBad");
      return;
    }
    use(token);
    byId("token").close();
    retry();
  });
  byId("token").addEventListener("close", () => {
    declined = !hasToken();
  });
  byId("token-cancel").addEventListener("click", () => byId("token").close());
  byId("forget-token").addEventListener("click", () => {
    use(null);
    retry();
  });
  showForget();
}

/** A button that opens the form. */
export function tokenButton() {
  return el("button", { type: "button", class: "button", on: { click: () => openTokenForm() } }, t("giveToken"));
}

function openTokenForm(sentence = "") {
  const dialog = byId("token");
  if (dialog.open) return;
  byId("token-error").textContent = sentence;
  byId("token-input").value = "";
  dialog.showModal();
  byId("token-input").focus();
}

function use(token) {
  useToken(token);
  forgetPictures();
  showForget();
}

function showForget() {
  byId("forget-token").hidden = !hasToken();
}
