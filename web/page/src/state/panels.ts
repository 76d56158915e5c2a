/** Which dialogs are open, and what screen readers are told. */

import {signal} from "@preact/signals";

export type Panel = "upload" | "live" | "camera" | "url" | null;

export const panel = signal<Panel>(null);

/** A word on what was just done, shown over the page for a while; null for none. */
export const notice = signal<string | null>(null);

const NOTICE_MS = 6_000;
let fading: ReturnType<typeof setTimeout> | undefined;

export function notify(text: string): void {
  clearTimeout(fading);
  notice.value = text;
  fading = setTimeout(() => (notice.value = null), NOTICE_MS);
}

/** Read out by screen readers when it changes. */
export const announcement = signal("");

const NO_BREAK = "\u00a0";

/** The same words twice are told apart by a space, for else they are not read out again. */
export function announce(text: string): void {
  announcement.value = announcement.value === text ? text + NO_BREAK : text;
}
