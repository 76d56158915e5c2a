/** A filter as rows of a form, and as the JSON that the service reads. Pure. */

import {type FilterJson, isObject} from "./question";

/** Every operator, in the order of the form, with what it takes; a test holds them to the OpenAPI document. */
export const OPERATORS = {
  eq: "one",
  ne: "one",
  lt: "one",
  lte: "one",
  gt: "one",
  gte: "one",
  like: "pattern",
  in: "list",
  not_in: "list",
  exists: "truth",
} as const satisfies {[operator: string]: "one" | "pattern" | "list" | "truth"};
export type Operator = keyof typeof OPERATORS;

export type Row = {field: string; operator: Operator; value: string};

/**
 * The rows as JSON: all must hold.
 *
 * Rows without a field are passed over. Null where nothing is asked. Two rows with the same field and operator cannot
 * both be said in this form, see `askedTwice`: the later one counts.
 */
export function rowsToJson(rows: readonly Row[]): FilterJson | null {
  const filter: {[field: string]: {[operator: string]: unknown}} = Object.create(null);
  for (const row of rows) {
    const field = row.field.trim();
    if (!field) continue;
    (filter[field] ??= {})[row.operator] = valueOf(row);
  }
  return Object.keys(filter).length ? {...filter} : null;
}

/** The first row with the field and operator of one before it, which the JSON cannot say; null where there is none. */
export function askedTwice(rows: readonly Row[]): Row | null {
  const asked = new Set<string>();
  for (const row of rows) {
    const field = row.field.trim();
    if (field && asked.has(`${row.operator} ${field}`)) return {...row, field};
    asked.add(`${row.operator} ${field}`);
  }
  return null;
}

/** The rows of a filter, or null where it says more than rows can say (`or`, lists within lists). */
export function jsonToRows(filter: FilterJson | null): Row[] | null {
  if (!filter) return [];
  const rows: Row[] = [];
  for (const [field, asked] of Object.entries(filter)) {
    if (field === "or") return null;
    const conditions = isObject(asked) ? asked : {eq: asked};
    for (const [operator, value] of Object.entries(conditions)) {
      const text = textOf(value);
      if (!isOperator(operator) || text === null) return null;
      rows.push({field, operator, value: text});
    }
  }
  return sameFilter(rowsToJson(rows), filter) ? rows : null;
}

/** How many conditions a filter has, as the form shows them; of one that it cannot show, how many fields. */
export function conditionsIn(filter: FilterJson): number {
  return (jsonToRows(filter) ?? Object.keys(filter)).length;
}

/** What was typed as JSON: the filter, null for none, or where it cannot be read; null where the browser does not say where. */
export function readRaw(text: string): {filter: FilterJson | null} | {unreadable: Place | null} {
  if (!text.trim()) return {filter: null};
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value)) return {unreadable: {line: 1, column: 1}};
    return {filter: Object.keys(value).length ? value : null};
  } catch (error) {
    return {unreadable: placeIn(text, String(error))};
  }
}

/** Both from 1. */
export type Place = {line: number; column: number};

/** Browsers say where it is in English: as line and column, as a place in the text, or not at all. */
function placeIn(text: string, message: string): Place | null {
  const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? [];
  if (line && column) return {line: Number(line), column: Number(column)};
  const [, position] = /position (\d+)/.exec(message) ?? [];
  if (!position) return null;
  const before = text.slice(0, Number(position)).split("\n");
  return {line: before.length, column: before.at(-1)!.length + 1};
}

/** Also the one that a Chinese keyboard writes. */
const COMMA = /[,，]/;

function isOperator(text: string): text is Operator {
  return Object.hasOwn(OPERATORS, text);
}

function valueOf(row: Row): unknown {
  const takes = OPERATORS[row.operator];
  if (takes === "truth") return row.value !== "false";
  if (takes === "list") {
    return row.value.split(COMMA).map((part) => scalar(part.trim())).filter((part) => part !== "");
  }
  return takes === "pattern" ? row.value : scalar(row.value.trim());
}

/** Numbers are compared as numbers; a value in quotes stays text. */
function scalar(text: string): string | number {
  if (/^".*"$/.test(text)) return text.slice(1, -1);
  return /^-?(0|[1-9]\d{0,14})(\.\d+)?$/.test(text) ? Number(text) : text;
}

function textOf(value: unknown): string | null {
  if (Array.isArray(value)) {
    const parts = value.map(textOf);
    return parts.every((part) => part !== null && !COMMA.test(part)) ? parts.join(", ") : null;
  }
  if (typeof value === "string") return scalar(value) === value ? value : `"${value}"`;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}

function sameFilter(one: FilterJson | null, other: FilterJson): boolean {
  return JSON.stringify(one) === JSON.stringify(expanded(other));
}

function expanded(filter: FilterJson): FilterJson {
  return Object.fromEntries(Object.entries(filter).map(([field, asked]) => [field, isObject(asked) ? asked : {eq: asked}]));
}
