import type {Lookalike} from "../client";
import type {Backend, Crop, Embedded} from "./types";

export interface OpenOptions {
  client: Lookalike;
  modelId: string;
  prefer?: Backend | "auto";
  onProgress?(loaded: number, total: number): void;
}

/** Computes vectors in the browser, with the same model file as the server. */
export declare class BrowserEmbedder {
  static open(o: OpenOptions): Promise<BrowserEmbedder>;
  readonly backend: Backend;
  /** In words: what was tried, and why this one. */
  readonly why: string;
  readonly modelId: string;
  readonly loadMs: number;
  embed(picture: Blob | ImageBitmap, o?: {crop?: Crop; signal?: AbortSignal}): Promise<Embedded>;
  close(): void;
}
