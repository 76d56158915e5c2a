/** What the user prefers on this device, beside what the address says. */

import {effect, signal} from "@preact/signals";

export type Theme = "auto" | "light" | "dark";
export type Where = "auto" | "browser" | "server";

const THEMES: readonly Theme[] = ["auto", "light", "dark"];
const PLACES: readonly Where[] = ["auto", "browser", "server"];

export const theme = signal<Theme>(oneOf(THEMES, stored("theme")));
/** Where vectors are to be computed. */
export const where = signal<Where>(oneOf(PLACES, stored("where")));
/** Whether a finer model may look again at an answer that is not sure. */
export const reranks = signal(stored("tiered") !== "no");

/** Follow the preferences: keep them, and put the theme on the document. */
export function keepPreferences(): void {
  effect(() => {
    store("theme", theme.value);
    if (theme.value === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme.value;
  });
  effect(() => store("where", where.value));
  effect(() => store("tiered", reranks.value ? "yes" : "no"));
}

function oneOf<T extends string>(known: readonly T[], text: string | null): T {
  return known.find((one) => one === text) ?? known[0]!;
}

/** A browser may forbid storage: then nothing is kept. */
function stored(name: string): string | null {
  try {
    return localStorage.getItem(`lookalike.${name}`);
  } catch {
    return null;
  }
}

function store(name: string, value: string): void {
  try {
    localStorage.setItem(`lookalike.${name}`, value);
  } catch {
    // Forbidden: the preference lasts as long as the page.
  }
}
