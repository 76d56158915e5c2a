/** What went wrong, as it is shown: one thing at a time, with a way to try again. */

import {signal} from "@preact/signals";

import {type Fault, type Json, Problem} from "../../../client";
import {credential, credentialWanted} from "./credential";

export type Trouble = {
  code: string;
  values: {[name: string]: Json};
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
  if (!(error instanceof Problem)) return {...refusal(codeOf(error)), retry};
  const {code, values, requestId, retryAfterS, errors} = error;
  return {code, values, requestId, retryAfterS: retryAfterS ?? null, errors, retry};
}

/** What the page itself refuses. */
export function refusal(code: string): Trouble {
  return {code, values: {}, requestId: "", retryAfterS: null, errors: [], retry: null};
}

/** Nobody signs in for now: what was asked has not been done, and can be. */
export function putOffSigningIn(retry: () => void): void {
  credentialWanted.value = false;
  trouble.value = {...refusal("not_authenticated"), retry: afterSigningIn.value ?? retry};
  afterSigningIn.value = null;
}

/** The code under which the page has words for an error. */
export function codeOf(error: unknown): string {
  if (error instanceof Problem) return error.code;
  return (error instanceof DOMException && UNREAD[error.name]) || "page";
}

/** What browsers say of a file that has gone or that they may not read any more. */
const UNREAD: {[name: string]: string} = {NotFoundError: "vanished", NotReadableError: "unreadable"};

export function isStopped(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
