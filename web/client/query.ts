import {base64OfFloats} from "./base64";
import type {Filter} from "./types";

/** Shares, 0 to 1, of the upright picture. */
export interface Crop {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Ids of pictures that the hits are to be like, too, or unlike; at most 32 each. */
interface Wishes {
  more?: string[];
  less?: string[];
}

/** What is looked for: one picture, said in one of four ways, with wishes; or wishes alone. */
export type Query = Wishes &
  (
    | {image: Blob}
    | {vector: Float32Array; model: string}
    | {id: string}
    | {imageUrl: string}
    | {more: string[]}
  );

export interface SearchOptions {
  k?: number;
  offset?: number;
  filter?: Filter;
  crop?: Crop;
  minConfidence?: number;
  collapse?: "none" | "group";
  recall?: number;
  mixture?: string;
  rerank?: string;
  /** Leave the picture that is searched with out of the hits; it is known by its bytes or its id, not by a vector. */
  excludeQuery?: boolean;
  explain?: boolean;
  /** How long the caller waits, in milliseconds. */
  timeoutMs?: number;
}

/** The body of a search: JSON, or multipart where a picture travels. */
export function searchBody(query: Query, options: SearchOptions): {json: object} | {form: FormData} {
  const fields = {...asked(query), ...wishes(query), ...settings(options)};
  if (!("image" in query)) return {json: fields};
  const form = new FormData();
  form.set("image", query.image);
  form.set("query", JSON.stringify(fields));
  return {form};
}

function asked(query: Query): object {
  if ("vector" in query) return {vector: base64OfFloats(query.vector), model: query.model};
  if ("id" in query) return {id: query.id};
  return "imageUrl" in query ? {image_url: query.imageUrl} : {};
}

function wishes(query: Query): object {
  return {...(query.more?.length ? {more: query.more} : {}), ...(query.less?.length ? {less: query.less} : {})};
}

/** The options under their names on the wire; what is not said is left out by JSON.stringify. */
function settings(o: SearchOptions): object {
  return {
    k: o.k,
    offset: o.offset,
    filter: o.filter,
    crop: o.crop && [o.crop.x, o.crop.y, o.crop.width, o.crop.height],
    min_confidence: o.minConfidence,
    collapse: o.collapse,
    recall: o.recall,
    mixture: o.mixture,
    rerank: o.rerank,
    exclude_query: o.excludeQuery,
    explain: o.explain,
  };
}
