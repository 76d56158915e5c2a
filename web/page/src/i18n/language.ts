/** The language of the page: of the address, else of the browser. */

import {computed, signal} from "@preact/signals";

import {en, type Texts} from "./en";
import {zh} from "./zh";

export type Language = "en" | "zh";

export const LANGUAGES: {[language in Language]: {name: string; tag: string; texts: Texts}} = {
  en: {name: "English", tag: "en", texts: en},
  zh: {name: "简体中文", tag: "zh-CN", texts: zh},
};

export const language = signal<Language>("en");

/** The texts of the language of now; reading it in a component makes the component follow a change. */
export const texts = computed<Texts>(() => LANGUAGES[language.value].texts);

/** The language that an address asks for, else the first of the browser's that we have. Pure. */
export function chooseLanguage(asked: string | null, preferred: readonly string[]): Language {
  if (asked === "en" || asked === "zh") return asked;
  for (const tag of preferred) {
    if (/^zh\b/i.test(tag)) return "zh";
    if (/^en\b/i.test(tag)) return "en";
  }
  return "en";
}

/** Sentences one after the other: Chinese puts no space between them. Those that say nothing are left out. */
export function sentences(...said: readonly string[]): string {
  return said.filter((one) => one !== "").join(language.value === "zh" ? "" : " ");
}

/** A name and what it stands at, in one text. */
export function named(name: string, value: string): string {
  return language.value === "zh" ? `${name}：${value}` : `${name}: ${value}`;
}

/** Numbers as the language writes them. */
export function formatNumber(value: number, digits = 0): string {
  return value.toLocaleString(LANGUAGES[language.value].tag, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A share, 0 to 1, in percent. One that is not quite 1 is not rounded to 100 %. */
export function formatShare(share: number, digits = 1): string {
  const most = 1 - 10 ** -(digits + 2);
  const shown = share < 1 && share > most ? most : share;
  return shown.toLocaleString(LANGUAGES[language.value].tag, {
    style: "percent",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A size in bytes, in the largest unit of which it has one. */
export function formatBytes(size: number): string {
  const unit = size >= 1e6 ? "megabyte" : size >= 1e3 ? "kilobyte" : "byte";
  const value = size / {megabyte: 1e6, kilobyte: 1e3, byte: 1}[unit];
  return new Intl.NumberFormat(LANGUAGES[language.value].tag, {style: "unit", unit, maximumFractionDigits: 1}).format(value);
}
