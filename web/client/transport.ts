import {problemOf, unreachable} from "./problem";
import {backOffS, pause} from "./waiting";

const MOST_TRIES = 4;
/** A service that asks for a longer pause than this is not waited for. */
const MOST_WAIT_S = 20;
const BUSY = [429, 503];

export interface Call {
  query?: {[name: string]: string | number | boolean | undefined};
  json?: unknown;
  form?: FormData;
  headers?: {[name: string]: string};
  /** Sends an `Idempotency-Key`, so that a repetition is not done twice. */
  once?: boolean;
  signal?: AbortSignal | undefined;
}

/** Requests with credentials; repeated, a few times, where the service says that it is busy. */
export class Transport {
  readonly #fetch: typeof fetch;
  readonly #credential: () => string | null;

  constructor(
    readonly baseUrl: string,
    o: {fetch?: typeof fetch | undefined; credential?: (() => string | null) | undefined},
  ) {
    this.#fetch = o.fetch ?? ((input, init) => fetch(input, init));
    this.#credential = o.credential ?? (() => null);
  }

  url(path: string, query: Call["query"] = {}): string {
    const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
    const search = new URLSearchParams(given).toString();
    return `${this.baseUrl}${path}${search && `?${search}`}`;
  }

  async json<T>(method: string, path: string, call: Call = {}): Promise<T> {
    const response = await this.send(method, path, call);
    return (await whole(() => response.json(), call.signal)) as T;
  }

  async blob(path: string, call: Call = {}): Promise<Blob> {
    const response = await this.send("GET", path, call);
    return await whole(() => response.blob(), call.signal);
  }

  /** The reply, with a status of 2xx; else throws a `Problem`, or the signal's reason. */
  async send(method: string, path: string, call: Call = {}): Promise<Response> {
    const request = this.#request(method, call);
    for (let tried = 1; ; tried++) {
      const response = await this.#sent(this.url(path, call.query), request);
      if (response.ok) return response;
      const problem = await problemOf(response);
      const wait = Math.max(problem.retryAfterS ?? 0, backOffS(tried));
      if (!BUSY.includes(response.status) || tried === MOST_TRIES || wait > MOST_WAIT_S) throw problem;
      await pause(wait, call.signal);
    }
  }

  /** For requests that go elsewhere, such as to storage: without credentials, as they are. */
  async raw(url: string, init: RequestInit): Promise<Response> {
    return await this.#sent(url, init);
  }

  #request(method: string, call: Call): RequestInit {
    const headers = new Headers(call.headers);
    const credential = this.#credential();
    if (credential) headers.set("Authorization", `Bearer ${credential}`);
    if (call.once) headers.set("Idempotency-Key", randomKey());
    if (call.json !== undefined) headers.set("Content-Type", "application/json");
    const body = call.json !== undefined ? JSON.stringify(call.json) : call.form;
    return {method, headers, ...(body === undefined ? {} : {body}), ...(call.signal ? {signal: call.signal} : {})};
  }

  async #sent(url: string, init: RequestInit): Promise<Response> {
    try {
      return await this.#fetch(url, init);
    } catch (error) {
      init.signal?.throwIfAborted();
      throw unreachable(error);
    }
  }
}

/** What a body holds; `unreachable` where the connection broke before its end. */
export async function whole<T>(read: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await read();
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(error);
  }
}

/** Random, and to be had in insecure contexts too, where `crypto.randomUUID` is not. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
