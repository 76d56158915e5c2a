import {readsTrue} from "./decode";
import type {LocalBackend} from "./protocol";
import type {Backend} from "./types";

/** What may be tried, best first, and why what is better is not among it, in words. */
export interface Probe {
  candidates: LocalBackend[];
  passedOver: string[];
}

/** Asks the browser what it can do; nothing is loaded yet. */
export async function probe(o: {prefer: Backend | "auto"; precision: string}): Promise<Probe> {
  if (o.prefer === "server") return {candidates: [], passedOver: ["the server was asked for"]};
  const missing = await whatIsMissing();
  if (missing !== undefined) return {candidates: [], passedOver: [missing]};
  const reasons: [LocalBackend, string | undefined][] = [
    ["webgpu", await againstWebGpu(o)],
    ["wasm-threads", againstThreads()],
    ["wasm", undefined],
  ];
  const from = o.prefer === "auto" ? 0 : reasons.findIndex(([backend]) => backend === o.prefer);
  const asked = reasons.slice(from);
  return {
    candidates: asked.flatMap(([backend, against]) => (against === undefined ? [backend] : [])),
    passedOver: asked.flatMap(([backend, against]) => (against === undefined ? [] : [`${NAMES[backend]}: ${against}`])),
  };
}

export const NAMES: {[backend in LocalBackend]: string} = {
  webgpu: "WebGPU",
  "wasm-threads": "WASM with threads",
  wasm: "WASM",
};

async function whatIsMissing(): Promise<string | undefined> {
  const needed = {WebAssembly: globalThis.WebAssembly, Worker: globalThis.Worker, OffscreenCanvas: globalThis.OffscreenCanvas};
  const missing = Object.entries(needed).flatMap(([name, found]) => (found === undefined ? [name] : []));
  if (missing.length > 0) return `this browser has no ${missing.join(" and no ")}`;
  return (await readsTrue()) ? undefined : "this browser does not let a page read exact pixels";
}

async function againstWebGpu(o: {prefer: Backend | "auto"; precision: string}): Promise<string | undefined> {
  if (o.prefer === "auto" && o.precision === "int8") return "the model computes in 8 bits, which WASM does faster";
  const {gpu} = navigator as {gpu?: {requestAdapter(): Promise<{info?: {isFallbackAdapter?: boolean}} | null>}};
  if (gpu === undefined) return "this browser does not have it";
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (adapter === null) return "there is no graphics card for it";
  if (o.prefer === "auto" && adapter.info?.isFallbackAdapter) return "it is only emulated here";
  return undefined;
}

function againstThreads(): string | undefined {
  if (!globalThis.crossOriginIsolated) return "the page is not isolated from other origins";
  return navigator.hardwareConcurrency > 1 ? undefined : "there is one processor";
}
