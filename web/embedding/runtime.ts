import type {Env, InferenceSession, InferenceSessionFactory, TensorConstructor} from "onnxruntime-web";
import gpuGlue from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import gpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import glue from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import binary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

import {floatDepthwise} from "./onnx/depthwise";
import type {LocalBackend} from "./protocol";

const MOST_THREADS = 4;

interface Runtime {
  env: Env;
  InferenceSession: InferenceSessionFactory;
  Tensor: TensorConstructor;
}

/** A model that is ready to run: pixels (side x side x 3) in, a vector out. */
export interface Session {
  run(pixels: Uint8Array): Promise<Float32Array>;
}

/** Opens a model with ONNX Runtime; its parts come from the page's own server. */
export async function openSession(
  model: Uint8Array<ArrayBuffer>,
  o: {backend: LocalBackend; side: number},
): Promise<Session> {
  const ort = await runtime(o.backend);
  const gpu = o.backend === "webgpu";
  const session = await ort.InferenceSession.create(gpu ? model : floatDepthwise(model), {
    executionProviders: [gpu ? "webgpu" : "wasm"],
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
  });
  return {run: (pixels) => run(ort, session, pixels, o.side)};
}

async function run(ort: Runtime, session: InferenceSession, pixels: Uint8Array, side: number): Promise<Float32Array> {
  const {embedding} = await session.run({pixels: new ort.Tensor("uint8", pixels, [1, side, side, 3])});
  if (embedding === undefined) throw new Error("expected a model with the output `embedding`, got one without");
  return Float32Array.from(embedding.data as Float32Array);
}

/** The plain build is half the size of the one that knows WebGPU, and faster where WebGPU is not used. */
async function runtime(backend: LocalBackend): Promise<Runtime> {
  const gpu = backend === "webgpu";
  const ort: Runtime = gpu ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  ort.env.wasm.wasmPaths = gpu ? {mjs: gpuGlue, wasm: gpuBinary} : {mjs: glue, wasm: binary};
  ort.env.wasm.numThreads = backend === "wasm-threads" ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
  return ort;
}
