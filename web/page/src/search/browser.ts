/** The embedder in this browser: opened once for each model, with its progress. */

import {signal} from "@preact/signals";

import {type Backend, BrowserEmbedder, type EmbedTimings} from "../../../embedding";
import {Problem, type Remark} from "../../../client";
import type {CodeTexts} from "../i18n/codes.en";
import {adviceOf, sayAll, type Saying} from "../i18n/said";
import type {Crop} from "../state/question";
import {client} from "../state/service";

export type BrowserVector = {
  vector: Float32Array;
  model: string;
  backend: Backend;
  whys: readonly Remark[];
  /** Null where the vector was known from before. */
  timings: EmbedTimings | null;
};

/** Thrown where this browser cannot compute vectors; the message is the embedder's own account of what it tried. */
export class BrowserCannot extends Error {
  override readonly name = "BrowserCannot";

  constructor(
    message: string,
    readonly whys: readonly Remark[],
  ) {
    super(message);
  }
}

/** Why the vector was not computed here. */
export function whyNot(error: unknown): Saying {
  if (error instanceof BrowserCannot) return () => sayAll("whys", error.whys);
  if (error instanceof Problem) return () => adviceOf(error.code, error.values).what;
  const name = error instanceof Error ? error.name : "";
  return sayWhy(/EncodingError|InvalidStateError/.test(name) ? "undecodable" : "stopped_working");
}

export function sayWhy(code: keyof CodeTexts["whys"]): Saying {
  return () => sayAll("whys", [{code, values: {}}]);
}

/** Share of the model that has been fetched, 0 to 1; null while none is being fetched. */
export const fetched = signal<number | null>(null);

const VECTORS_KEPT = 100;
const embedders = new Map<string, Promise<BrowserEmbedder>>();
const opened = new Map<string, BrowserEmbedder>();
const vectors = new Map<string, BrowserVector>();

/** The embedder of a model. A failed opening is tried again the next time. */
export function embedderOf(model: string): Promise<BrowserEmbedder> {
  const known = embedders.get(model);
  if (known) return known;
  const opening = BrowserEmbedder.open({
    client,
    modelId: model,
    onProgress: (loaded, total) => {
      fetched.value = total > 0 ? loaded / total : null;
    },
  }).finally(() => {
    fetched.value = null;
  });
  embedders.set(model, opening);
  opening.then(
    (embedder) => embedders.get(model) === opening && opened.set(model, embedder),
    () => embedders.delete(model),
  );
  return opening;
}

export function forgetVectors(): void {
  vectors.clear();
}

/** Whether it is known already what this browser can do with a model, so that nobody has to wait for it. */
export function isOpen(model: string): boolean {
  return opened.has(model);
}

/** An embedder that failed for another reason than the picture is not asked again: the next search opens another. */
function giveUp(model: string, embedder: BrowserEmbedder): void {
  embedder.close();
  if (opened.get(model) !== embedder) return;
  opened.delete(model);
  embedders.delete(model);
}

/** What browsers say of a picture that they cannot decode or whose part is none. */
function isOfThePicture(error: unknown): boolean {
  return error instanceof Error && /^(InvalidStateError|EncodingError|NotReadableError|NotFoundError|RangeError)$/.test(error.name);
}

/**
 * The vector of a picture or a part of it.
 *
 * Raises:
 *   BrowserCannot: where it is the service that must.
 */
export async function embedHere(
  picture: Blob,
  o: {model: string; key: string; crop: Crop | null; signal?: AbortSignal},
): Promise<BrowserVector> {
  const name = `${o.model}/${o.key}/${o.crop ? Object.values(o.crop).join() : ""}`;
  const known = vectors.get(name);
  if (known) return {...known, timings: null};
  const embedder = await embedderOf(o.model);
  if (embedder.backend === "server") throw new BrowserCannot(embedder.why, embedder.whys);
  const {vector, timings} = await embedder
    .embed(picture, {...(o.crop ? {crop: o.crop} : {}), ...(o.signal ? {signal: o.signal} : {})})
    .catch((error: unknown) => {
      if (!o.signal?.aborted && !isOfThePicture(error)) giveUp(o.model, embedder);
      throw error;
    });
  const made = {vector, model: o.model, backend: embedder.backend, whys: embedder.whys, timings};
  vectors.set(name, made);
  if (vectors.size > VECTORS_KEPT) vectors.delete(vectors.keys().next().value!);
  return made;
}
