/** Small pictures, fetched with the credential that an `<img>` cannot send, a few at a time. */

import {signal} from "@preact/signals";

import type {CollectionClient} from "../../../client";

const AT_ONCE = 4;
const KEPT = 500;
/** By then the cards of an answer have asked for their pictures. */
const FIRST_ASKED_MS = 300;
const PATIENCE_MS = 15_000;

type Waiting = {run: () => void};

/** Grows when it is worth fetching again those that did not come: the network is there again, or a search is tried again. */
export const tries = signal(0);

export function tryAgain(): void {
  tries.value += 1;
}

globalThis.addEventListener?.("online", tryAgain);

const urls = new Map<string, string>();
const waiting: Waiting[] = [];
let running = 0;
let idle: (() => void)[] = [];

/** An object URL of the thumbnail, for as long as it is among the last 500. */
export async function thumbnailUrl(
  collection: CollectionClient,
  id: string,
  side: number,
  signal: AbortSignal,
): Promise<string> {
  const name = `${collection.name}/${id}/${side}`;
  const known = urls.get(name);
  if (known) return known;
  await turn();
  try {
    signal.throwIfAborted();
    const blob = await collection.thumbnail(id, side, {signal});
    return urls.get(name) ?? keep(name, URL.createObjectURL(blob)); // somebody else may have asked for it, too
  } finally {
    running -= 1;
    next();
    if (running === 0) leaveIdle();
  }
}

/** A thumbnail that is there already. */
export function knownThumbnail(collection: string, id: string, side: number): string | undefined {
  return urls.get(`${collection}/${id}/${side}`);
}

/** Settles when those that are asked for have come, and in any case soon. */
export async function thumbnailsAreThere(): Promise<void> {
  await pause(FIRST_ASKED_MS);
  if (running > 0) await Promise.race([new Promise<void>((resolve) => idle.push(resolve)), pause(PATIENCE_MS)]);
}

function leaveIdle(): void {
  for (const resolve of idle) resolve();
  idle = [];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push({run: resolve});
    next();
  });
}

function next(): void {
  while (running < AT_ONCE) {
    const first = waiting.shift();
    if (!first) return;
    running += 1;
    first.run();
  }
}

function keep(name: string, url: string): string {
  urls.set(name, url);
  if (urls.size > KEPT) {
    const [oldest, oldUrl] = urls.entries().next().value!;
    urls.delete(oldest);
    URL.revokeObjectURL(oldUrl);
  }
  return url;
}
