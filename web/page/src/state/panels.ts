/** Which dialogs are open, and what screen readers are told. */

import {signal} from "@preact/signals";

export type Panel = "upload" | "live" | "camera" | "url" | null;

export const panel = signal<Panel>(null);

/** Read out by screen readers when it changes. */
export const announcement = signal("");

export function announce(text: string): void {
  announcement.value = text;
}
