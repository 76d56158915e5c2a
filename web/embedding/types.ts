/** Where a vector is computed. `server`: the browser cannot, and sends the picture. */
export type Backend = "webgpu" | "wasm-threads" | "wasm" | "server";

/** Milliseconds of one embedding. */
export interface EmbedTimings {
  decode_ms: number;
  resize_ms: number;
  run_ms: number;
  total_ms: number;
}

/** Shares, 0 to 1, of the upright picture. */
export interface Crop {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A picture's vector of length 1, and the size of the upright picture. */
export interface Embedded {
  vector: Float32Array;
  timings: EmbedTimings;
  width: number;
  height: number;
}
