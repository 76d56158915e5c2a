/** Stands between the browser and the service, and keeps every byte that the browser sends. */

import {createServer, type IncomingMessage, request, type Server, type ServerResponse} from "node:http";
import {type AddressInfo, connect, type Socket} from "node:net";

import type {Page} from "playwright-core";

import {SERVICE} from "./browser";

export type Sent = {method: string; path: string; type: string; body: Buffer};

export class Recorder {
  readonly sent: Sent[] = [];
  /** What went over WebSockets, from the pages that are watched. */
  readonly frames: Buffer[] = [];

  readonly #server: Server;

  private constructor() {
    this.#server = createServer((incoming, outgoing) => void this.#passOn(incoming, outgoing));
    this.#server.on("upgrade", tunnel);
  }

  static async start(): Promise<Recorder> {
    const made = new Recorder();
    await new Promise<void>((done) => made.#server.listen(0, "127.0.0.1", done));
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  watch(page: Page): void {
    page.on("websocket", (socket) => socket.on("framesent", ({payload}) => void this.frames.push(Buffer.from(payload))));
  }

  forget(): void {
    this.sent.length = 0;
    this.frames.length = 0;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #passOn(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const {method = "GET", url: path = "/"} = incoming;
    this.sent.push({method, path, type: incoming.headers["content-type"] ?? "", body});
    const forward = request(SERVICE + path, {method, headers: headersFor(incoming)}, (reply) => {
      outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(outgoing);
    });
    forward.on("error", () => outgoing.destroy());
    forward.end(body);
  }
}

/** The service lets in only pages of its own name. */
function headersFor(incoming: IncomingMessage): IncomingMessage["headers"] {
  const {origin, referer: _, ...rest} = incoming.headers;
  return {...rest, host: new URL(SERVICE).host, ...(origin ? {origin: SERVICE} : {})};
}

function tunnel(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
  const {hostname, port} = new URL(SERVICE);
  const service = connect(Number(port), hostname, () => {
    const lines = Object.entries(headersFor(incoming)).map(([name, value]) => `${name}: ${String(value)}`);
    service.write([`${incoming.method} ${incoming.url} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
    service.write(head);
    service.pipe(socket).pipe(service);
  });
  for (const end of [service, socket]) end.on("error", () => (service.destroy(), socket.destroy()));
}

/**
 * What was sent that may be more than vectors, in words; empty where there is nothing.
 *
 * Everything that may be sent is named here, and all else is told: JSON of a search whose `vector` is `dimension` numbers,
 * requests without a body, and over WebSockets settings and vectors.
 */
export function moreThanVectors({sent, frames}: Recorder, dimension: number): string[] {
  const bodies = sent.filter(({body}) => body.length > 0).flatMap((one) => notOnlyVector(one, dimension));
  const messages = frames.flatMap((frame) => {
    const isVector = frame[4] === 2 && frame.length === 8 + dimension * 4;
    return isVector || isSettings(frame) ? [] : [`a WebSocket message of ${frame.length} bytes, kind ${frame[4]}`];
  });
  const urls = sent.filter(({path}) => path.length > 2_000).map(({path}) => `an address of ${path.length} characters`);
  return [...bodies, ...messages, ...urls];
}

const ASKED = new Set(["vector", "model", "id", "image_url", "more", "less", "k", "offset", "filter", "collapse", "crop", "exclude_query"]);

function notOnlyVector({path, type, body}: Sent, dimension: number): string[] {
  if (path === "/v1/session/ticket" || path === "/v1/tickets") return [];
  if (!path.endsWith("/search") || !type.startsWith("application/json")) return [`${body.length} bytes of ${type} to ${path}`];
  const asked = JSON.parse(body.toString()) as {[name: string]: unknown};
  const unknown = Object.keys(asked).filter((name) => !ASKED.has(name));
  const {vector} = asked;
  if (typeof vector === "string" && Buffer.from(vector, "base64").length !== dimension * 4) unknown.push("vector, which is none");
  if ("vector" in asked && ("crop" in asked || typeof vector !== "string")) unknown.push("crop");
  return unknown.map((name) => `${name} in a search`);
}

function isSettings(frame: Buffer): boolean {
  try {
    return (JSON.parse(frame.toString()) as {type?: string}).type === "configure" && frame.length < 2_000;
  } catch {
    return false;
  }
}

/** Whether the bytes of a file were sent, as they are or as base64. */
export function wasSent({sent, frames}: Recorder, file: Buffer): boolean {
  const middle = file.subarray(file.length >> 1, (file.length >> 1) + 60);
  const everything = [...sent.map(({body}) => body), ...frames];
  return everything.some((body) => body.includes(middle) || body.includes(middle.subarray(0, 57).toString("base64")));
}
