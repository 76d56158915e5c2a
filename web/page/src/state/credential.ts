/** The key or token of who asks: kept for this tab alone. */

import {signal} from "@preact/signals";

const NAME = "lookalike.credential";

export const credential = signal<string | null>(stored());
/** Whether the service has said that it wants a credential, or another one. */
export const credentialWanted = signal(false);

export function keepCredential(text: string | null): void {
  credential.value = text;
  try {
    if (text) sessionStorage.setItem(NAME, text);
    else sessionStorage.removeItem(NAME);
  } catch {
    // Storage is forbidden: it lasts as long as the page.
  }
}

function stored(): string | null {
  try {
    return sessionStorage.getItem(NAME);
  } catch {
    return null;
  }
}
