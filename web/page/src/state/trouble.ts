/** What went wrong, as it is shown: one thing at a time, with a way to try again. */

import {signal} from "@preact/signals";

import {type Fault, type Json, Problem} from "../../../client";
import {credential, credentialWanted} from "./credential";

export type Trouble = {
  code: string;
  values: {[name: string]: Json};
  detail: string;
  requestId: string;
  retryAfterS: number | null;
  errors: readonly Fault[];
  retry: (() => void) | null;
};

export const trouble = signal<Trouble | null>(null);
/** What is to be done again once a credential is there. */
export const afterSigningIn = signal<(() => void) | null>(null);
/** Whether the credential that is there was refused. */
export const credentialRefused = signal(false);

/** Show an error. One about a missing credential asks for it; one about a stopped request is passed over. */
export function explain(error: unknown, retry: (() => void) | null = null): void {
  if (isStopped(error)) return;
  if (needsCredential(error)) {
    credentialRefused.value = credential.value !== null;
    afterSigningIn.value = retry;
    credentialWanted.value = true;
    return;
  }
  trouble.value = troubleOf(error, retry);
}

/** Whether the service wants to know who asks, or did not accept what it was told. */
export function needsCredential(error: unknown): boolean {
  return error instanceof Problem && error.status === 401;
}

export function troubleOf(error: unknown, retry: (() => void) | null = null): Trouble {
  if (error instanceof Problem) {
    const {code, values, detail, requestId, retryAfterS, errors} = error;
    return {code, values, detail, requestId, retryAfterS: retryAfterS ?? null, errors, retry};
  }
  const detail = error instanceof Error ? error.message : String(error);
  return {code: "page", values: {}, detail, requestId: "", retryAfterS: null, errors: [], retry};
}

export function isStopped(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
