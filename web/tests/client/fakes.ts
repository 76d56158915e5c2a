/** A service and a WebSocket that answer as a test says. */

import {Lookalike} from "../../client";

export interface Asked {
  method: string;
  url: URL;
  headers: Headers;
  body: BodyInit | null | undefined;
}

export type Answer = Response | Error | ((asked: Asked) => Response | Promise<Response>);

export function json(value: unknown, status = 200, headers: {[name: string]: string} = {}): Response {
  const type = status < 400 ? "application/json" : "application/problem+json";
  return new Response(JSON.stringify(value), {status, headers: {"Content-Type": type, ...headers}});
}

export function problem(status: number, code: string, headers: {[name: string]: string} = {}): Response {
  const body = {type: "about:blank", title: "No", status, detail: `because of ${code}`, code, request_id: "r1"};
  return json(body, status, headers);
}

/** Gives its answers one after the other, and remembers what was asked. */
export class FakeService {
  readonly asked: Asked[] = [];
  readonly #answers: Answer[];

  constructor(...answers: Answer[]) {
    this.#answers = answers;
  }

  fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    init.signal?.throwIfAborted();
    const asked = {
      method: init.method ?? "GET",
      url: new URL(String(input)),
      headers: new Headers(init.headers),
      body: init.body,
    };
    this.asked.push(asked);
    const answer = this.#answers.shift();
    if (answer === undefined) throw new Error(`nothing was to be asked after ${asked.method} ${asked.url}`);
    if (answer instanceof Error) throw answer;
    return typeof answer === "function" ? await answer(asked) : answer;
  };
}

export function client(service: FakeService, o: {credential?: () => string | null} = {}): Lookalike {
  return new Lookalike({baseUrl: "http://service.example", fetch: service.fetch, webSocket: asWebSocket, ...o});
}

/** The server's side of a connection is played by the test. */
export class FakeSocket {
  static all: FakeSocket[] = [];
  binaryType = "blob";
  readonly sent: (string | ArrayBuffer)[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: {data: unknown}) => void) | null = null;
  onclose: ((event: {code: number; reason: string}) => void) | null = null;
  closedWith: number | undefined;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this);
  }

  send(message: string | ArrayBuffer): void {
    this.sent.push(message);
  }

  close(code: number): void {
    this.closedWith = code;
    this.onclose?.({code, reason: ""});
  }

  says(message: object): void {
    this.onmessage?.({data: JSON.stringify(message)});
  }

  breaks(code: number): void {
    this.onclose?.({code, reason: ""});
  }
}

const asWebSocket = FakeSocket as unknown as typeof WebSocket;

export const ticket = (name: string): Response =>
  json({ticket: name, protocol: "lookalike.v1", expires_at: "2030-01-01T00:00:00Z"}, 201);
