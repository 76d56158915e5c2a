import type {Lookalike, Remark} from "../client";
import {modelFile} from "./model-file";
import {NAMES, probe} from "./probe";
import type {LocalBackend} from "./protocol";
import type {Backend, Crop, Embedded} from "./types";
import {WorkerEnd} from "./worker-end";

/** A backend that is not ready by then is passed over. */
const MOST_OPENING_MS = 30_000;

export interface OpenOptions {
  client: Lookalike;
  modelId: string;
  /** Nothing better than this is tried; `auto`: the best that there is. */
  prefer?: Backend | "auto";
  /** Bytes of the model's file. */
  onProgress?(loaded: number, total: number): void;
}

/** Computes vectors in the browser, with the same model file as the server. */
export class BrowserEmbedder {
  private constructor(
    readonly modelId: string,
    readonly backend: Backend,
    /** In words: what was passed over, and why this one. */
    readonly why: string,
    /** The same, coded, for those who say it in another language. */
    readonly whys: Remark[],
    /** From the call of `open` to being ready, in milliseconds. */
    readonly loadMs: number,
    private readonly worker: WorkerEnd | undefined,
  ) {}

  /**
   * Loads the model and the best way to run it.
   *
   * Where the browser can do none, `backend` is `server`: pictures are then sent as they are. It throws only where the
   * model cannot be had.
   */
  static async open(o: OpenOptions): Promise<BrowserEmbedder> {
    const begun = performance.now();
    const card = await o.client.model(o.modelId);
    const {candidates, passedOver, whys} = await probe({prefer: o.prefer ?? "auto", precision: card.precision});
    const file = candidates.length > 0 ? await modelFile(o.client, o.modelId, o.onProgress) : undefined;
    for (const backend of file ? candidates : []) {
      const worker = new WorkerEnd();
      try {
        const model = {backend, model: file!.content, side: card.input_side};
        await worker.open(model, AbortSignal.timeout(MOST_OPENING_MS));
      } catch (error) {
        worker.close();
        whys.push({code: "failed", values: {backend}});
        passedOver.push(`${NAMES[backend]}: ${error instanceof Error ? error.message : String(error)}`);
        continue;
      }
      const why = inWords(backend, passedOver, file!.fromCache);
      const from: Remark = {code: file!.fromCache ? "cached" : "fetched", values: {}};
      return new BrowserEmbedder(o.modelId, backend, why, [from, ...whys], performance.now() - begun, worker);
    }
    const why = `The server: ${passedOver.join("; ")}.`;
    return new BrowserEmbedder(o.modelId, "server", why, whys, performance.now() - begun, undefined);
  }

  /** The vector of a picture. Throws what the browser says where it cannot decode it, and where the backend is `server`. */
  async embed(picture: Blob | ImageBitmap, o: {crop?: Crop; signal?: AbortSignal} = {}): Promise<Embedded> {
    if (this.worker === undefined) throw new Error("this browser computes no vectors: send the picture itself");
    return await this.worker.embed(picture, o);
  }

  close(): void {
    this.worker?.close();
  }
}

function inWords(backend: LocalBackend, passedOver: string[], fromCache: boolean): string {
  const model = fromCache ? "the model was in the cache" : "the model was fetched";
  return `${NAMES[backend]}; ${model}${passedOver.map((reason) => `; not ${reason}`).join("")}.`;
}
