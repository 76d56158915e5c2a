/** Codes and values of the service, in the language of now. */

import {computed} from "@preact/signals";

import type {Json, Remark} from "../../../client";
import {type CodeTexts, codesEn} from "./codes.en";
import {codesZh} from "./codes.zh";
import {formatBytes, formatNumber, language, LANGUAGES, texts} from "./language";

/** Words in the language of whoever reads them, which may be another by then. */
export type Saying = () => string;

type Values = {[name: string]: Json};
type Words = {[code: string]: string};

const codes = computed<CodeTexts>(() => (language.value === "zh" ? codesZh : codesEn));

/** What went wrong and what to do now; of a code that is not known, that something did. */
export function adviceOf(code: string, values: Values = {}): {what: string; now: string} {
  const {problems} = codes.value;
  const [what, now] = problems[(code in problems ? code : "error") as keyof typeof problems];
  return {what: filled(what, values), now: filled(now, values)};
}

/** A list of remarks as one text; `plain` where there are none that are known. */
export function sayAll(kind: "plans" | "reasons" | "whys", remarks: readonly Remark[], plain = ""): string {
  const words: Words = codes.value[kind];
  const known = remarks.filter(({code}) => code in words);
  if (known.length === 0) return plain;
  return known.map(({code, values}) => filled(words[code]!, values)).join(language.value === "zh" ? "；" : "; ");
}

/** What is wrong with one place of a request. */
export function sayFault(code: string, values: Values): string {
  const words: Words = codes.value.faults;
  return filled(words[code] ?? words["value"]!, values);
}

/** How far the fetching of a model is; `share`: 0 to 1. */
export function sayFetching(share: number): string {
  const {loading, opening} = texts.value.status;
  return share < 1 ? loading(Math.floor(share * 100)) : opening;
}

/** The word for something that has one; else the thing itself, such as the name of somebody's own field. */
export function wordFor(kind: "stages" | "fields" | "backends", code: string): string {
  const words: Words = codes.value[kind];
  return words[code] ?? code;
}

/** A template with its values; `[...]` is left out where one of its values is missing. */
function filled(template: string, values: Values): string {
  const shown = template.replace(/\[([^\]]*)\]/g, (_, part: string) =>
    [...part.matchAll(/\{(\w+)\}/g)].every(([, name]) => values[name!] !== undefined && values[name!] !== null) ? part : "",
  );
  return shown.replace(/\{(\w+)\}/g, (_, name: string) => valueOf(name, values[name]));
}

function valueOf(name: string, value: Json | undefined): string {
  if (value === undefined || value === null) return "?";
  if (typeof value === "number") return name.endsWith("_bytes") ? formatBytes(value) : number(value);
  if (Array.isArray(value)) return list(value.map((one) => valueOf(name, one)));
  const text = String(value);
  const {fields, kinds, viewFaults, backends} = codes.value;
  const words: {[name: string]: Words} = {field: fields, kind: kinds, fault: viewFaults, backend: backends, got: operators(), known: {...operators(), ...fields}};
  if (name === "refusal") return adviceOf(text).what.replace(/[.。]$/, "");
  return words[name]?.[text] ?? text;
}

const operators = (): Words => texts.value.filter.operators;

function number(value: number): string {
  return Number.isInteger(value) ? formatNumber(value) : formatNumber(value, Math.abs(value) < 1 ? 3 : 1);
}

function list(values: string[]): string {
  const {tag} = LANGUAGES[language.value];
  return new Intl.ListFormat(tag, {type: "disjunction"}).format(values).replace(/或(?=[A-Za-z0-9])/, "或 ");
}
