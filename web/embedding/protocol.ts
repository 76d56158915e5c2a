import type {Backend, Crop, Embedded} from "./types";

/** What the page asks of the worker; each is answered once, by its `id`. */
export type Request =
  | {type: "open"; id: number; backend: LocalBackend; model: Uint8Array<ArrayBuffer>; side: number}
  | {type: "embed"; id: number; picture: Blob | ImageBitmap; crop: Crop | undefined};

export type LocalBackend = Exclude<Backend, "server">;

export type Answer =
  | {type: "opened"; id: number}
  | {type: "embedded"; id: number; embedded: Embedded}
  | {type: "failed"; id: number; failure: Failure};

/** An error on its way across, with the stack of where it was thrown. */
export interface Failure {
  name: string;
  message: string;
  stack: string | undefined;
}

export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return {name: "Error", message: String(error), stack: undefined};
  return {name: error.name, message: error.message, stack: error.stack};
}

export function errorOf(failure: Failure): Error {
  const error = new Error(failure.message);
  error.name = failure.name;
  if (failure.stack !== undefined) error.stack = failure.stack;
  return error;
}
