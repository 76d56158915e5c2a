/** The address bar and the question, kept the same. Only this file touches `history`. */

import {effect, signal} from "@preact/signals";

import {chooseLanguage, type Language, language, LANGUAGES} from "../i18n/language";
import {asksSomething, fromParams, NOTHING_ASKED, type Question, type Source, toParams} from "./question";

export const question = signal<Question>(NOTHING_ASKED);
/** How the question of now came about: by going back or forward an answer that is still known will do. */
export const cameBy = signal<"asking" | "history">("asking");

let askedLanguage: string | null = null;

/** Read the address, and follow it when the user goes back or forward. */
export function followAddress(): void {
  const params = addressed();
  const asked = params.get("lang");
  askedLanguage = asked === "en" || asked === "zh" ? asked : null;
  language.value = chooseLanguage(askedLanguage, navigator.languages);
  question.value = fromParams(params);
  addEventListener("popstate", followHistory);
  effect(() => {
    const {tag, texts} = LANGUAGES[language.value];
    document.documentElement.lang = tag;
    document.title = asksSomething(question.value) ? `${texts.results.heading} · ${texts.name}` : `${texts.name} · ${texts.tagline}`;
  });
}

/** Change the question; a new entry of the history unless `replace`. */
export function ask(change: Partial<Question>, o: {replace?: boolean} = {}): void {
  const next = {...question.value, ...change};
  const address = addressOf(next);
  if (address !== location.pathname + location.search) {
    if (o.replace) history.replaceState(history.state, "", address);
    else history.pushState(null, "", address);
  }
  cameBy.value = "asking";
  question.value = next;
}

/** Search with another picture: what belonged to the one before is forgotten, the collection and the filter stay. */
export function askFor(source: Source, collection = question.value.collection): void {
  const filter = collection === question.value.collection ? question.value.filter : null;
  ask({source, crop: null, more: [], less: [], withOwn: false, collection, filter});
  scrollTo({top: 0});
}

export function startAgain(o: {replace?: boolean} = {}): void {
  ask({...NOTHING_ASKED, collection: question.value.collection}, o);
  scrollTo({top: 0});
}

export function speak(chosen: Language): void {
  askedLanguage = chosen;
  language.value = chosen;
  history.replaceState(history.state, "", addressOf(question.value));
}

/** The address under which another question would be found: for links that can be opened in a new tab. */
export function addressOf(asked: Question): string {
  const params = toParams(asked);
  if (askedLanguage) params.set("lang", askedLanguage);
  const text = params.toString();
  return text ? `${location.pathname}?${text}` : location.pathname;
}

/** The language stays as it is spoken now, whatever it was then. A step within the page, to another heading, asks nothing. */
function followHistory(): void {
  const next = fromParams(addressed());
  if (toParams(next).toString() !== toParams(question.value).toString()) {
    cameBy.value = "history";
    question.value = next;
  }
  if (addressed().get("lang") !== askedLanguage) history.replaceState(history.state, "", addressOf(question.value));
}

function addressed(): URLSearchParams {
  return new URLSearchParams(location.search);
}
