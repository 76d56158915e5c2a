/** Frames of the camera, one after the other, to hits. Frames that come while one is worked on are dropped and counted. */

import {signal} from "@preact/signals";

import type {CollectionClient, Hit, Problem, SearchStream, StreamHits, StreamState} from "../../../client";
import type {BrowserEmbedder} from "../../../embedding";
import {sayAll, type Saying} from "../i18n/said";
import {embedderOf, sayWhy, whyNot} from "../search/browser";
import {maySendFrames} from "../search/sending";
import type {Where} from "../state/preferences";
import {shoot} from "./camera";

const MOST_SIDE = 512;
const QUALITY = 0.85;
const HITS = 12;

type Options = {
  collection: CollectionClient;
  model: string;
  where: Where;
  /** Whether the person has said that the frames of this camera may be sent, although vectors are computed here. */
  maySend: boolean;
  fps: number;
  video: HTMLVideoElement;
};

export class LiveSession {
  readonly hits = signal<readonly Hit[]>([]);
  /** Whether even the best of them is as good as chance. */
  readonly likeNothing = signal(false);
  readonly state = signal<StreamState>("connecting");
  readonly problem = signal<Problem | Error | null>(null);
  readonly sent = signal(0);
  readonly answered = signal(0);
  readonly dropped = signal(0);
  readonly roundTripMs = signal<number | null>(null);
  /** Where vectors are computed, in words for the panel. */
  readonly place = signal<"browser" | "server" | "opening">("opening");
  readonly why = signal<Saying | null>(null);
  /** Why frames would have to be sent, which they may not be; null where they need not, or may. */
  readonly framesNeeded = signal<Saying | null>(null);

  readonly #o: Options;
  readonly #stream: SearchStream;
  readonly #sentAt = new Map<number, number>();
  #embedder: BrowserEmbedder | null = null;
  #busy = false;
  #passedOver = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #closed = false;
  #fps: number;
  #shown = 0;

  constructor(o: Options) {
    this.#o = o;
    this.#fps = o.fps;
    this.#stream = o.collection.stream({
      k: HITS,
      ...(o.model ? {model: o.model} : {}),
      onHits: (came) => this.#arrived(came),
      onProblem: (problem) => (this.problem.value = problem),
      onState: (state) => (this.state.value = state),
    });
    void this.#open();
  }

  setFps(fps: number): void {
    this.#fps = fps;
    clearInterval(this.#timer);
    if (!this.#closed && this.place.value !== "opening") this.#timer = setInterval(() => void this.#frame(), 1000 / fps);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#stream.close();
  }

  /** In "Auto" the service looks at the frames until the model is here; where vectors are computed here it never does, unless it may. */
  async #open(): Promise<void> {
    const {where, model} = this.#o;
    if (where === "auto") this.#begin("server");
    try {
      if (where === "server" || !model) return this.#withoutModel(sayWhy("no_model"));
      const embedder = await embedderOf(model);
      if (this.#closed) return;
      const account = () => sayAll("whys", embedder.whys);
      this.why.value = account;
      if (embedder.backend === "server") return this.#withoutModel(account);
      this.#embedder = embedder;
      this.#begin("browser");
    } catch (error) {
      if (!this.#closed) this.#withoutModel(whyNot(error));
    }
  }

  #withoutModel(reason: Saying): void {
    if (this.#o.where !== "server") this.why.value = reason;
    if (maySendFrames(this.#o.maySend)) return this.#begin("server");
    this.framesNeeded.value = reason;
    this.close();
  }

  #begin(place: "browser" | "server"): void {
    this.place.value = place;
    this.setFps(this.#fps);
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
      const query = await this.#queryOf(video);
      if (this.#closed || !(query instanceof Float32Array || maySendFrames(this.#o.maySend))) return;
      this.#sentAt.set(this.#stream.send(query), begun);
      this.sent.value += 1;
    } catch (error) {
      if (this.#embedder) this.#withoutEmbedder(error);
      else this.problem.value = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#busy = false;
      this.#count();
    }
  }

  async #queryOf(video: HTMLVideoElement): Promise<Float32Array | Blob> {
    if (this.#embedder) return await vectorOf(video, this.#embedder);
    return await shoot(video, {most: MOST_SIDE, quality: QUALITY});
  }

  #withoutEmbedder(error: unknown): void {
    this.#embedder = null;
    this.#withoutModel(whyNot(error));
  }

  /** What comes late, behind a newer answer or after the end, changes nothing. */
  #arrived({seq, hits, nothing_like_it}: StreamHits): void {
    if (this.#closed || seq <= this.#shown) return;
    this.#shown = seq;
    const begun = this.#sentAt.get(seq);
    if (begun !== undefined) this.roundTripMs.value = performance.now() - begun;
    for (const older of this.#sentAt.keys()) if (older <= seq) this.#sentAt.delete(older);
    this.answered.value += 1;
    this.hits.value = hits;
    this.likeNothing.value = nothing_like_it === true && hits.length > 0;
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
