/** One page of hits: from the question to the service's reply, and how it was come by. */

import type {CollectionClient, Filter, Query, Reply, SearchOptions} from "../../../client";
import type {Saying} from "../i18n/said";
import {findPicture, type OwnPicture} from "../state/pictures";
import type {Where} from "../state/preferences";
import type {Question} from "../state/question";
import {type BrowserVector, embedHere, isOpen, sayWhy, whyNot} from "./browser";
import {whileWanted} from "./latest";
import {type HitPage, pageOf} from "./paging";
import {maySend, type Need, PictureNeeded} from "./sending";
import {smallerCopy} from "./smaller";

/** The picture of the address is not in this browser. */
export class PictureLost extends Error {
  override readonly name = "PictureLost";
}

export type How = {
  where: "browser" | "server" | "stored";
  /** Of the browser; null where it did not compute the vector. */
  vector: BrowserVector | null;
  /** Why the browser did not, though it was to; null where it did or was not asked. */
  fellBack: Saying | null;
  /** Whether the service answered because the model was not here yet. */
  meanwhile: boolean;
  /** Whether the picture itself was sent. */
  sentPicture: boolean;
  /** What the reply took beyond the time that the service says it took, ms. */
  networkMs: number;
};

/** Of whom is asked, for whom, and for how long. */
export type Means = {collection: CollectionClient; model: string; where: Where; signal: AbortSignal};

export type Answered = {page: HitPage; reply: Reply; how: How};

/**
 * Ask for one page of hits.
 *
 * `offset`: how many of the service's hits came before. `rerank`: the further model that is to look again.
 *
 * Raises:
 *   PictureLost: when the address names a picture that this browser does not have.
 *   PictureNeeded: when the picture would have to be sent and may not be.
 *   Problem: what the service refuses.
 *   the signal's reason, once it is aborted.
 */
export async function askOnce(question: Question, o: Means & {offset: number; rerank?: string}): Promise<Answered> {
  const {query, own, ...how} = await whileWanted(queryOf(question, o), o.signal);
  // The service leaves out a picture that it sees; of a vector or a copy it does not know whose it is.
  const isUnknown = (how.vector !== null || how.meanwhile) && own !== "" && !question.withOwn;
  const begun = performance.now();
  const search = o.collection.search(query, {
    ...optionsOf(question),
    k: question.k + (isUnknown ? 1 : 0),
    offset: o.offset,
    signal: o.signal,
    ...(o.rerank ? {rerank: o.rerank} : {}),
    ...(how.vector ? {} : {...cropOf(question), excludeQuery: !question.withOwn && question.source.kind !== "none"}),
  });
  const reply = await whileWanted(search, o.signal);
  const tookMs = performance.now() - begun;
  const page = pageOf(reply, {k: question.k, offset: o.offset, own, withOwn: question.withOwn});
  return {page, reply, how: {...how, networkMs: Math.max(0, tookMs - (reply.timings_ms["total"] ?? 0))}};
}

/** `own`: id of the picture that is searched with; '' where it is not known or there is none. */
type Asked = {query: Query; own: string} & Omit<How, "networkMs">;

const PLAIN = {vector: null, fellBack: null, meanwhile: false, sentPicture: false} as const;

async function queryOf(question: Question, o: Means & {rerank?: string}): Promise<Asked> {
  const {source} = question;
  const mixed = {more: [...question.more], less: [...question.less]};
  switch (source.kind) {
    case "none":
      return {query: mixed, own: "", where: "stored", ...PLAIN};
    case "id":
      return {query: {id: source.id, ...mixed}, own: source.id, where: question.crop ? "server" : "stored", ...PLAIN};
    case "url":
      return {query: {imageUrl: source.url, ...mixed}, own: "", where: "server", ...PLAIN};
    case "picture":
      return await withPicture(question, source.key, o);
  }
}

/** The one place at which a picture to be searched with becomes part of a request. */
async function withPicture(question: Question, key: string, o: Means & {rerank?: string}): Promise<Asked> {
  const picture = await findPicture(key);
  if (!picture) throw new PictureLost();
  const itself = (fellBack: Saying | null = null, o_: {meanwhile?: boolean; need?: Need} = {}): Asked => {
    if (!maySend(key)) throw new PictureNeeded(o_.need ?? "vector", fellBack);
    const query = {image: picture.blob, more: [...question.more], less: [...question.less]};
    return {...PLAIN, query, own: picture.id, where: "server", fellBack, meanwhile: o_.meanwhile ?? false, sentPicture: true};
  };
  if (o.rerank) return itself(null, {need: "reranked"});
  if (o.where === "server") return itself();
  if (!o.model) return itself(sayWhy("no_model"));
  if (o.where === "auto" && !isOpen(o.model)) return await meanwhile(itself(null, {meanwhile: true}), question, picture);
  try {
    return await withVector(question, key, picture, o);
  } catch (error) {
    if (o.signal.aborted) throw error;
    return itself(whyNot(error));
  }
}

/** Of a whole picture a small copy will do; of a part every pixel counts. */
async function meanwhile(asked: Asked, question: Question, picture: OwnPicture): Promise<Asked> {
  if (question.crop) return asked;
  return {...asked, query: {...asked.query, image: await smallerCopy(picture.blob)}};
}

async function withVector(question: Question, key: string, picture: OwnPicture, o: Means): Promise<Asked> {
  const {model, signal} = o;
  const vector = await embedHere(picture.blob, {key, crop: question.crop, model, signal});
  const query = {vector: vector.vector, model, more: [...question.more], less: [...question.less]};
  return {query, own: picture.id, where: "browser", ...PLAIN, vector};
}

function optionsOf(question: Question): SearchOptions {
  return {
    collapse: question.collapse,
    ...(question.filter ? {filter: question.filter as Filter} : {}),
  };
}

function cropOf(question: Question): SearchOptions {
  return question.crop ? {crop: question.crop} : {};
}
