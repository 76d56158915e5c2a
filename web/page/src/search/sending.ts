/** Whether a picture may be sent to the service. Only this file decides it; see `settings.means` for what people are told. */

import {signal} from "@preact/signals";

import type {Saying} from "../i18n/said";
import {where} from "../state/preferences";

/** What the person's own picture would be needed for. */
export type Need = "vector" | "reranked";

/** Thrown where the picture itself would have to be sent, and nobody has said that it may be. */
export class PictureNeeded extends Error {
  override readonly name = "PictureNeeded";

  constructor(
    readonly need: Need,
    /** Why the browser could not do it; null where it is no failure. */
    readonly reason: Saying | null,
  ) {
    super(`the ${need} needs the picture itself`);
  }
}

const allowed = signal<ReadonlySet<string>>(new Set());

/** Whether this picture may be sent. Where vectors are computed here it may not, unless the person has said so of this very picture. */
export function maySend(key: string): boolean {
  return where.value !== "browser" || allowed.value.has(key);
}

/** Whether a frame of the live camera may be sent. `said`: whether the person has said so of this very camera. */
export function maySendFrames(said: boolean): boolean {
  return where.value !== "browser" || said;
}

/** The person has said that this picture may be sent. It holds for this picture alone, until the page is left. */
export function allowSending(key: string): void {
  allowed.value = new Set([...allowed.value, key]);
}
