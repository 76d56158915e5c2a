/** Frames of the camera, one after the other, to hits. Frames that come while one is worked on are dropped and counted. */

import {signal} from "@preact/signals";

import type {CollectionClient, Hit, Problem, SearchStream, StreamState} from "../../../client";
import type {BrowserEmbedder} from "../../../embedding";
import {embedderOf} from "../search/browser";
import type {Where} from "../state/preferences";
import {shoot} from "./camera";

const MOST_SIDE = 512;
const QUALITY = 0.85;
const HITS = 12;

type Options = {
  collection: CollectionClient;
  model: string;
  where: Where;
  fps: number;
  video: HTMLVideoElement;
};

export class LiveSession {
  readonly hits = signal<readonly Hit[]>([]);
  readonly state = signal<StreamState>("connecting");
  readonly problem = signal<Problem | Error | null>(null);
  readonly sent = signal(0);
  readonly answered = signal(0);
  readonly dropped = signal(0);
  readonly roundTripMs = signal<number | null>(null);
  /** Where vectors are computed, in words for the panel. */
  readonly place = signal<"browser" | "server" | "opening">("opening");
  readonly why = signal("");

  readonly #o: Options;
  readonly #stream: SearchStream;
  readonly #sentAt = new Map<number, number>();
  #embedder: BrowserEmbedder | null = null;
  #busy = false;
  #passedOver = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(o: Options) {
    this.#o = o;
    this.#stream = o.collection.stream({
      k: HITS,
      ...(o.model ? {model: o.model} : {}),
      onHits: ({seq, hits}) => this.#arrived(seq, hits),
      onProblem: (problem) => (this.problem.value = problem),
      onState: (state) => (this.state.value = state),
    });
    void this.#open();
  }

  setFps(fps: number): void {
    clearInterval(this.#timer);
    if (!this.#closed) this.#timer = setInterval(() => void this.#frame(), 1000 / fps);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#stream.close();
  }

  async #open(): Promise<void> {
    const {where, model, fps} = this.#o;
    try {
      if (where !== "server" && model) {
        const embedder = await embedderOf(model);
        this.why.value = embedder.why;
        if (embedder.backend !== "server") this.#embedder = embedder;
        else if (where === "browser") throw new Error(embedder.why);
      }
    } catch (error) {
      this.why.value = error instanceof Error ? error.message : String(error);
      // Frames are not sent to the service where they were to stay here.
      if (where === "browser") {
        this.problem.value = error instanceof Error ? error : new Error(String(error));
        return this.close();
      }
    }
    this.place.value = this.#embedder ? "browser" : "server";
    this.setFps(fps);
  }

  async #frame(): Promise<void> {
    const {video} = this.#o;
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || this.state.value !== "ready") return;
    if (this.#busy) {
      this.#passedOver += 1;
      return this.#count();
    }
    this.#busy = true;
    try {
      const begun = performance.now();
      const query = this.#embedder ? await vectorOf(video, this.#embedder) : await shoot(video, {most: MOST_SIDE, quality: QUALITY});
      if (this.#closed) return;
      this.#sentAt.set(this.#stream.send(query), begun);
      this.sent.value += 1;
    } catch (error) {
      this.problem.value = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#busy = false;
      this.#count();
    }
  }

  #arrived(seq: number, hits: readonly Hit[]): void {
    const begun = this.#sentAt.get(seq);
    if (begun !== undefined) this.roundTripMs.value = performance.now() - begun;
    for (const older of this.#sentAt.keys()) if (older <= seq) this.#sentAt.delete(older);
    this.answered.value += 1;
    this.hits.value = hits;
    this.problem.value = null;
    this.#count();
  }

  #count(): void {
    this.dropped.value = this.#passedOver + this.#stream.dropped;
  }
}

async function vectorOf(video: HTMLVideoElement, embedder: BrowserEmbedder): Promise<Float32Array> {
  const frame = await createImageBitmap(video);
  try {
    return (await embedder.embed(frame)).vector;
  } finally {
    frame.close();
  }
}
