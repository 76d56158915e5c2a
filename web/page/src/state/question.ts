/** What is asked, and its form in the address bar. Pure: nothing here touches the page. */

export type Crop = {x: number; y: number; width: number; height: number};

export type Source =
  | {kind: "none"}
  | {kind: "picture"; key: string}
  | {kind: "id"; id: string}
  | {kind: "url"; url: string};

export type Collapse = "none" | "group";

export type Question = {
  readonly collection: string;
  readonly source: Source;
  /** Shares, 0 to 1, of the upright picture; null for all of it. */
  readonly crop: Crop | null;
  readonly k: number;
  readonly filter: FilterJson | null;
  readonly more: readonly string[];
  readonly less: readonly string[];
  readonly collapse: Collapse;
  /** Whether the picture that is searched with is shown among the hits. */
  readonly withOwn: boolean;
};

export type FilterJson = {[field: string]: unknown};

export const NOTHING_ASKED: Question = {
  collection: "",
  source: {kind: "none"},
  crop: null,
  k: 24,
  filter: null,
  more: [],
  less: [],
  collapse: "none",
  withOwn: false,
};

export const MOST_PER_PAGE = 200;
export const MOST_MIXED_IN = 32;
/** Letters of the address of a picture, so that the link to its search is not too long for anybody. */
export const MOST_URL = 2_000;

/** The question in a query string; whatever is as usual is left out. */
export function toParams(question: Question): URLSearchParams {
  const params = new URLSearchParams();
  if (question.collection) params.set("c", question.collection);
  const {source} = question;
  if (source.kind === "picture") params.set("picture", source.key);
  if (source.kind === "id") params.set("id", source.id);
  if (source.kind === "url") params.set("url", source.url);
  if (question.crop) params.set("crop", cropText(question.crop));
  if (question.k !== NOTHING_ASKED.k) params.set("k", String(question.k));
  if (question.filter) params.set("filter", JSON.stringify(question.filter));
  if (question.more.length) params.set("more", question.more.join(","));
  if (question.less.length) params.set("less", question.less.join(","));
  if (question.collapse !== "none") params.set("collapse", question.collapse);
  if (question.withOwn) params.set("own", "shown");
  return params;
}

/** Read a query string as anybody may have written it: what does not fit is taken as not said. */
export function fromParams(params: URLSearchParams): Question {
  return {
    collection: matching(params.get("c"), /^[a-z0-9][a-z0-9._-]{0,63}$/) ?? "",
    source: sourceOf(params),
    crop: cropOf(params.get("crop")),
    k: countOf(params.get("k")),
    filter: filterOf(params.get("filter")),
    more: idsOf(params.get("more")),
    less: idsOf(params.get("less")),
    collapse: params.get("collapse") === "group" ? "group" : "none",
    withOwn: params.get("own") === "shown",
  };
}

/** Whether there is anything to search for. */
export function asksSomething(question: Question): boolean {
  return question.source.kind !== "none" || question.more.length > 0;
}

function sourceOf(params: URLSearchParams): Source {
  const id = matching(params.get("id"), ID);
  if (id) return {kind: "id", id};
  const key = matching(params.get("picture"), /^[0-9a-f]{16}$/);
  if (key) return {kind: "picture", key};
  const url = matching(params.get("url"), /^https?:\/\/./);
  return url && url.length <= MOST_URL ? {kind: "url", url} : {kind: "none"};
}

const ID = /^[0-9a-f]{64}$/;

function idsOf(text: string | null): string[] {
  const ids = (text ?? "").split(",").filter((id) => ID.test(id));
  return [...new Set(ids)].slice(0, MOST_MIXED_IN);
}

function countOf(text: string | null): number {
  const count = Number(text);
  return text && Number.isInteger(count) && count >= 1 ? Math.min(count, MOST_PER_PAGE) : NOTHING_ASKED.k;
}

function filterOf(text: string | null): FilterJson | null {
  if (!text) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && Object.keys(value).length > 0 ? value : null;
  } catch {
    return null;
  }
}

/** Whether a value read from JSON is an object, which a filter must be. */
export function isObject(value: unknown): value is FilterJson {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function cropText(crop: Crop): string {
  return [crop.x, crop.y, crop.width, crop.height].map((share) => String(Number(share.toFixed(4)))).join(",");
}

function cropOf(text: string | null): Crop | null {
  const parts = (text ?? "").split(",").map(Number);
  const [x, y, width, height] = parts;
  if (parts.length !== 4 || x === undefined || y === undefined || !width || !height) return null;
  if (parts.some((share) => !(share >= 0 && share <= 1)) || x + width > 1.0001 || y + height > 1.0001) return null;
  return {x, y, width, height};
}

function matching(text: string | null, form: RegExp): string | null {
  return text !== null && form.test(text) ? text : null;
}
