/** One search: from the question to the service's reply, and how it was come by. */

import type {CollectionClient, Filter, Query, Reply, SearchOptions} from "../../../client";
import {isStopped} from "../state/trouble";
import {findPicture} from "../state/pictures";
import type {Where} from "../state/preferences";
import type {Question} from "../state/question";
import {type BrowserVector, embedHere} from "./browser";

/** The picture of the address is not in this browser. */
export class PictureLost extends Error {
  override readonly name = "PictureLost";
}

export type How = {
  where: "browser" | "server" | "stored";
  /** Of the browser; null where it did not compute the vector. */
  vector: BrowserVector | null;
  /** Why the browser did not, though it was to; '' where it did or was not asked. */
  fellBack: string;
  /** What the reply took beyond the time that the service says it took, ms. */
  networkMs: number;
};

export type Answered = {reply: Reply; how: How};

type Means = {collection: CollectionClient; model: string; where: Where; signal: AbortSignal};

/**
 * Ask for one page of hits.
 *
 * Raises:
 *   PictureLost: when the address names a picture that this browser does not have.
 *   Problem: what the service refuses.
 */
export async function askOnce(question: Question, o: Means & {offset: number; opinion?: string}): Promise<Answered> {
  const {query, ...how} = await queryOf(question, o.opinion ? {...o, where: "server"} : o);
  const begun = performance.now();
  const reply = await o.collection.search(query, {
    ...optionsOf(question),
    offset: o.offset,
    signal: o.signal,
    ...(o.opinion ? {opinion: o.opinion} : {}),
    ...(how.vector ? {} : cropOf(question)),
  });
  const tookMs = performance.now() - begun;
  return {reply, how: {...how, networkMs: Math.max(0, tookMs - (reply.timings_ms["total"] ?? 0))}};
}

type Asked = {query: Query} & Omit<How, "networkMs">;

async function queryOf(question: Question, o: Means): Promise<Asked> {
  const {source} = question;
  const mixed = {more: [...question.more], less: [...question.less]};
  switch (source.kind) {
    case "none":
      return {query: mixed, where: "stored", vector: null, fellBack: ""};
    case "id":
      return {query: {id: source.id, ...mixed}, where: question.crop ? "server" : "stored", vector: null, fellBack: ""};
    case "url":
      return {query: {imageUrl: source.url, ...mixed}, where: "server", vector: null, fellBack: ""};
    case "picture":
      return withPicture(question, source.key, o);
  }
}

async function withPicture(question: Question, key: string, o: Means): Promise<Asked> {
  const picture = await findPicture(key);
  if (!picture) throw new PictureLost();
  const mixed = {more: [...question.more], less: [...question.less]};
  const sent: Asked = {query: {image: picture.blob, ...mixed}, where: "server", vector: null, fellBack: ""};
  if (o.where === "server" || !o.model) return sent;
  try {
    const {signal, model} = o;
    const vector = await embedHere(picture.blob, {key, crop: question.crop, model, signal});
    return {query: {vector: vector.vector, model, ...mixed}, where: "browser", vector, fellBack: ""};
  } catch (error) {
    if (o.where === "browser" || isStopped(error)) throw error;
    return {...sent, fellBack: error instanceof Error ? error.message : String(error)};
  }
}

function optionsOf(question: Question): SearchOptions {
  return {
    k: question.k,
    collapse: question.collapse,
    ...(question.filter ? {filter: question.filter as Filter} : {}),
  };
}

function cropOf(question: Question): SearchOptions {
  return question.crop ? {crop: question.crop} : {};
}
