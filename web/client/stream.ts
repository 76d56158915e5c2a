import {Problem} from "./problem";
import {LastingSocket} from "./sockets";
import type {Sockets} from "./sockets";
import type {StreamConfigure, StreamHits, StreamMessage, StreamReady} from "./types";

const HEADER_BYTES = 8;
const PICTURE = 1;
const VECTOR = 2;
/** One is worked on while the next is on its way; more would only be dropped by the service. */
const UNANSWERED = 2;

export type StreamState = "connecting" | "ready" | "waiting" | "closed";
export type StreamSettings = Omit<StreamConfigure, "type">;

export interface StreamOptions extends StreamSettings {
  onHits?(hits: StreamHits): void;
  onProblem?(problem: Problem): void;
  onState?(state: StreamState): void;
}

interface Waiting {
  seq: number;
  message: ArrayBuffer | Promise<ArrayBuffer>;
}

/**
 * Queries one after the other over a WebSocket, the newest first where they come faster than answers.
 *
 * It reconnects with a new ticket and the last settings; what was not answered then is dropped.
 */
export class SearchStream {
  onHits: (hits: StreamHits) => void;
  onProblem: (problem: Problem) => void;
  onState: (state: StreamState) => void;
  /** Queries that were passed over, here or by the service. */
  dropped = 0;
  /** What the service said of itself, once it has. */
  ready: StreamReady | undefined;

  readonly #socket: LastingSocket;
  #settings: StreamSettings;
  #seq = 0;
  #unanswered: number[] = [];
  #waiting: Waiting | undefined;
  #droppedThere = 0;

  constructor(sockets: Sockets, path: string, o: StreamOptions) {
    const {onHits, onProblem, onState, ...settings} = o;
    this.onHits = onHits ?? (() => undefined);
    this.onProblem = onProblem ?? (() => undefined);
    this.onState = onState ?? (() => undefined);
    this.#settings = settings;
    this.#socket = new LastingSocket(sockets, {
      path: () => path,
      onOpen: () => this.#configure(),
      onMessage: (message) => this.#received(message as StreamMessage),
      onState: (state) => this.#changed(state === "open" ? "connecting" : state),
      onProblem: (problem) => this.onProblem(problem),
    });
  }

  get state(): StreamState {
    const {state} = this.#socket;
    if (state === "open") return this.ready ? "ready" : "connecting";
    return state;
  }

  /** Asks for what looks like a frame (JPEG, WebP or PNG) or has a vector near it; returns the query's number. */
  send(frame: Blob | Float32Array): number {
    const seq = ++this.#seq;
    if (this.#waiting) this.dropped += 1;
    this.#waiting = {seq, message: messageOf(seq, frame)};
    void this.#next();
    return seq;
  }

  /** Settings for the queries from now on; those not named stay. */
  configure(settings: StreamSettings): void {
    this.#settings = {...this.#settings, ...settings};
    if (this.ready) this.#configure();
  }

  close(): void {
    this.#socket.close();
  }

  #configure(): void {
    this.#socket.send(JSON.stringify({type: "configure", ...this.#settings} satisfies StreamConfigure));
  }

  async #next(): Promise<void> {
    const {ready} = this;
    if (!ready || !this.#waiting || this.#unanswered.length >= UNANSWERED) return;
    const {seq, message} = this.#waiting;
    this.#waiting = undefined;
    this.#unanswered.push(seq);
    const bytes = await message;
    if (this.ready !== ready) return; // the connection it was meant for is gone
    if (bytes.byteLength <= ready.max_bytes) return void this.#socket.send(bytes);
    const detail = `expected a frame of at most ${ready.max_bytes} bytes, got ${bytes.byteLength}`;
    this.#answered(seq);
    this.onProblem(new Problem({code: "too_large", status: 413, detail}));
  }

  #received(message: StreamMessage): void {
    switch (message.type) {
      case "ready":
        this.ready = message;
        this.onState("ready");
        return void this.#next();
      case "hits":
        this.dropped += Math.max(0, message.dropped - this.#droppedThere);
        this.#droppedThere = message.dropped;
        this.#answered(message.seq);
        return this.onHits(message);
      case "problem":
        if (message.seq !== null) this.#answered(message.seq);
        return this.onProblem(new Problem({code: message.code, status: 0, detail: message.detail}));
    }
  }

  /** Answers come in order: what is older than this one will not be answered any more. */
  #answered(seq: number): void {
    this.#unanswered = this.#unanswered.filter((sent) => sent > seq);
    void this.#next();
  }

  #changed(state: StreamState): void {
    this.dropped += this.#unanswered.length;
    this.#unanswered = [];
    this.#droppedThere = 0;
    this.ready = undefined;
    this.onState(state);
  }
}

/** 4 bytes of `seq`, 1 byte of kind, 3 zero bytes, the payload. */
function messageOf(seq: number, frame: Blob | Float32Array): ArrayBuffer | Promise<ArrayBuffer> {
  if (frame instanceof Float32Array) {
    const message = withHeader(seq, VECTOR, frame.length * 4);
    frame.forEach((value, i) => message.setFloat32(HEADER_BYTES + i * 4, value, true));
    return message.buffer;
  }
  return frame.arrayBuffer().then((payload) => {
    const message = withHeader(seq, PICTURE, payload.byteLength);
    new Uint8Array(message.buffer).set(new Uint8Array(payload), HEADER_BYTES);
    return message.buffer;
  });
}

function withHeader(seq: number, kind: number, payloadBytes: number): DataView<ArrayBuffer> {
  const message = new DataView(new ArrayBuffer(HEADER_BYTES + payloadBytes));
  message.setUint32(0, seq, true);
  message.setUint8(4, kind);
  return message;
}
