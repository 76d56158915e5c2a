import {Problem, unreachable} from "./problem";
import type {Transport} from "./transport";
import type {Ticket} from "./types";
import {backOffS} from "./waiting";

const PROTOCOL = "lookalike.v1";
const DONE = 1000;
const NOT_ALLOWED = 1008;

export type SocketState = "connecting" | "open" | "waiting" | "closed";

export interface SocketHandlers {
  /** Where to connect to; asked anew at each connection. */
  path(): string;
  onOpen?(): void;
  onMessage(message: unknown): void;
  onState?(state: SocketState): void;
  /** What went wrong; where it is for good, the state is `closed` afterwards. */
  onProblem?(problem: Problem): void;
}

/** Opens sockets, each with a ticket of its own. */
export class Sockets {
  constructor(
    readonly transport: Transport,
    private readonly given: typeof WebSocket | undefined,
  ) {}

  async connect(path: string): Promise<WebSocket> {
    const {ticket} = await this.transport.json<Ticket>("POST", "/v1/tickets");
    const url = new URL(this.transport.url(path), globalThis.location?.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return new (this.given ?? WebSocket)(url.href, [PROTOCOL, `ticket.${ticket}`]);
  }
}

/** A socket that comes back, later each time, until it is closed or told that it is not allowed. */
export class LastingSocket {
  #socket: WebSocket | undefined;
  #tried = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #state: SocketState = "connecting";

  constructor(
    private readonly sockets: Sockets,
    private readonly handlers: SocketHandlers,
  ) {
    void this.#connect();
  }

  get state(): SocketState {
    return this.#state;
  }

  /** False where there is no connection now; the message is then not kept. */
  send(message: string | ArrayBuffer): boolean {
    if (this.#state !== "open" || this.#socket === undefined) return false;
    this.#socket.send(message);
    return true;
  }

  close(): void {
    if (this.#state === "closed") return;
    clearTimeout(this.#timer);
    this.#become("closed");
    this.#socket?.close(DONE);
  }

  async #connect(): Promise<void> {
    this.#become("connecting");
    try {
      const socket = await this.sockets.connect(this.handlers.path());
      if (this.state === "closed") socket.close(DONE);
      else this.#listen(socket);
    } catch (error) {
      this.#lost(error instanceof Problem ? error : unreachable(error));
    }
  }

  #listen(socket: WebSocket): void {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#become("open");
      this.handlers.onOpen?.();
    };
    socket.onmessage = ({data}) => {
      this.#tried = 0; // what was only opened and closed again is no success
      if (typeof data === "string") this.handlers.onMessage(JSON.parse(data));
    };
    socket.onclose = ({code, reason}) => this.#lost(closed(code, reason));
  }

  #lost(problem: Problem): void {
    if (this.#state === "closed") return;
    this.#socket = undefined;
    const final = [401, 403, 404, NOT_ALLOWED, DONE].includes(problem.status);
    if (problem.status !== DONE) this.handlers.onProblem?.(problem);
    if (final) return this.#become("closed");
    this.#tried += 1;
    this.#become("waiting");
    const wait = Math.max(problem.retryAfterS ?? 0, backOffS(this.#tried, {first: 0.5, most: 15}));
    this.#timer = setTimeout(() => void this.#connect(), wait * 1000);
  }

  #become(state: SocketState): void {
    if (this.#state === "closed" || this.#state === state) return;
    this.#state = state;
    this.handlers.onState?.(state);
  }
}

const REASONS: {[code: number]: string} = {
  1000: "done",
  1008: "not allowed",
  1009: "a message was too large",
  1011: "the service failed",
  1012: "the service stops",
  1013: "the service is too busy",
  4408: "this side was too slow",
};

/** `status` is the close code, 1000 and above, so that it clashes with no status of HTTP. */
function closed(code: number, reason: string): Problem {
  return new Problem({code: `closed_${code}`, status: code, detail: reason || REASONS[code] || "the connection was lost"});
}
