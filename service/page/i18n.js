// The page's languages: which one is shown, and its sentences.

import { en } from "./en.js";
import { zh } from "./zh.js";
import { state } from "./state.js";

const TEXTS = { en, zh };
const TAGS = { en: "en", zh: "zh-CN" };
const STORED = "person-count.language";

/** The language that was chosen here before, else the browser's. */
export function preferredLanguage() {
  const stored = localStorage.getItem(STORED);
  if (stored in TEXTS) return stored;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function rememberLanguage(language) {
  localStorage.setItem(STORED, language);
}

export function language() {
  return state.language ?? preferredLanguage();
}

/** A sentence; what varies in it is given by name. */
export function t(name, values = {}) {
  const text = TEXTS[language()][name];
  return typeof text === "function" ? text(values) : text;
}

/** A number as people of the language write it. */
export function number(value, digits = 0) {
  const exact = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(TAGS[language()], exact).format(value);
}

/** A moment, in seconds since 1970, as people of the language write it. */
export function moment(seconds) {
  return new Intl.DateTimeFormat(TAGS[language()], { dateStyle: "medium", timeStyle: "short" }).format(1000 * seconds);
}

/** Put the language into everything that index.html holds. */
export function translatePage() {
  document.documentElement.lang = TAGS[language()];
  document.title = t("title");
  const places = { t: null, tLabel: "aria-label", tPlaceholder: "placeholder" };
  for (const [key, attribute] of Object.entries(places)) {
    const selector = `[data-${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}]`;
    for (const node of document.querySelectorAll(selector)) {
      if (attribute === null) node.textContent = t(node.dataset[key]);
      else node.setAttribute(attribute, t(node.dataset[key]));
    }
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language()));
  }
}
