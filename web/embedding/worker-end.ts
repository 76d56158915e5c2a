import {errorOf} from "./protocol";
import type {Answer, LocalBackend, Request} from "./protocol";
import type {Crop, Embedded} from "./types";

type Asked = Request extends infer R ? (R extends Request ? Omit<R, "id"> : never) : never;

interface Promised {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** Thrown where the worker is gone, or as good as gone. */
export class WorkerLost extends Error {
  override readonly name = "WorkerLost";
}

/** A worker that has not answered by then will not: a browser that runs out of memory may end it without a word. */
const MOST_EMBEDDING_MS = 60_000;

/** This side of the worker: questions become promises. */
export class WorkerEnd {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), {type: "module", name: "lookalike-embedding"});
  readonly #promised = new Map<number, Promised>();
  #asked = 0;
  #lost: Error | null = null;

  constructor() {
    this.#worker.onmessage = ({data}: MessageEvent<Answer>) => this.#answered(data);
    this.#worker.onerror = (event) => this.#lose(`the embedding worker failed: ${event.message || "it could not be loaded"}`);
    this.#worker.onmessageerror = () => this.#lose("the embedding worker failed: its answer could not be read");
  }

  async open(
    o: {backend: LocalBackend; model: Uint8Array<ArrayBuffer>; side: number},
    signal: AbortSignal,
  ): Promise<void> {
    await this.#ask({type: "open", ...o}, signal);
  }

  async embed(picture: Blob | ImageBitmap, o: {crop?: Crop; signal?: AbortSignal}): Promise<Embedded> {
    const patience = setTimeout(() => this.#lose("the embedding worker does not answer any more"), MOST_EMBEDDING_MS);
    const answer = await this.#ask({type: "embed", picture, crop: o.crop}, o.signal).finally(() => clearTimeout(patience));
    if (answer.type !== "embedded") throw new Error(`expected a vector of the worker, got ${answer.type}`);
    return answer.embedded;
  }

  close(): void {
    this.#worker.terminate();
    this.#lost ??= new WorkerLost("the embedder was closed");
    this.#failAll(this.#lost);
  }

  async #ask(question: Asked, signal?: AbortSignal): Promise<Answer> {
    signal?.throwIfAborted();
    if (this.#lost) throw this.#lost;
    const id = ++this.#asked;
    const stop = (): void => this.#promised.get(id)?.reject(signal?.reason as Error);
    signal?.addEventListener("abort", stop, {once: true});
    try {
      return await new Promise<Answer>((resolve, reject) => {
        this.#promised.set(id, {resolve, reject});
        this.#worker.postMessage({...question, id} as Request);
      });
    } finally {
      this.#promised.delete(id);
      signal?.removeEventListener("abort", stop);
    }
  }

  #answered(answer: Answer): void {
    const promised = this.#promised.get(answer.id);
    if (answer.type === "failed") promised?.reject(errorOf(answer.failure));
    else promised?.resolve(answer);
  }

  /** Whoever waits, and whoever asks from now on, is told. */
  #lose(reason: string): void {
    this.#lost = new WorkerLost(reason);
    this.#failAll(this.#lost);
  }

  #failAll(error: Error): void {
    for (const {reject} of this.#promised.values()) reject(error);
    this.#promised.clear();
  }
}
