import {readsTrue} from "./decode";
import type {Remark} from "../client";
import type {LocalBackend} from "./protocol";
import type {Backend} from "./types";

/** What may be tried, best first, and why what is better is not among it, in words. */
export interface Probe {
  candidates: LocalBackend[];
  passedOver: string[];
  /** The same, coded. */
  whys: Remark[];
}

/** Asks the browser what it can do; nothing is loaded yet. */
export async function probe(o: {prefer: Backend | "auto"; precision: string}): Promise<Probe> {
  if (o.prefer === "server") return {candidates: [], passedOver: ["the server was asked for"], whys: [coded("server_asked")]};
  const missing = await whatIsMissing();
  if (missing !== undefined) return {candidates: [], passedOver: [missing.text], whys: [missing.why]};
  const reasons: [LocalBackend, Against | undefined][] = [
    ["webgpu", await againstWebGpu(o)],
    ["wasm-threads", againstThreads()],
    ["wasm", undefined],
  ];
  const from = o.prefer === "auto" ? 0 : reasons.findIndex(([backend]) => backend === o.prefer);
  const asked = reasons.slice(from);
  return {
    candidates: asked.flatMap(([backend, against]) => (against === undefined ? [backend] : [])),
    passedOver: asked.flatMap(([backend, against]) => (against === undefined ? [] : [`${NAMES[backend]}: ${against.text}`])),
    whys: asked.flatMap(([, against]) => (against === undefined ? [] : [against.why])),
  };
}

export const NAMES: {[backend in LocalBackend]: string} = {
  webgpu: "WebGPU",
  "wasm-threads": "WASM with threads",
  wasm: "WASM",
};

/** Why something is not used: in English, and coded. */
type Against = {text: string; why: Remark};

const coded = (code: string, values: Remark["values"] = {}): Remark => ({code, values});
const against = (code: string, text: string): Against => ({text, why: coded(code)});

async function whatIsMissing(): Promise<Against | undefined> {
  const needed = {WebAssembly: globalThis.WebAssembly, Worker: globalThis.Worker, OffscreenCanvas: globalThis.OffscreenCanvas};
  const missing = Object.entries(needed).flatMap(([name, found]) => (found === undefined ? [name] : []));
  if (missing.length > 0) return {text: `this browser has no ${missing.join(" and no ")}`, why: coded("lacks", {names: missing.join(", ")})};
  return (await readsTrue()) ? undefined : against("inexact_pixels", "this browser does not let a page read exact pixels");
}

async function againstWebGpu(o: {prefer: Backend | "auto"; precision: string}): Promise<Against | undefined> {
  if (o.prefer === "auto" && o.precision === "int8") return against("faster_on_cpu", "the model computes in 8 bits, which WASM does faster");
  const {gpu} = navigator as {gpu?: {requestAdapter(): Promise<{info?: {isFallbackAdapter?: boolean}} | null>}};
  if (gpu === undefined) return against("no_webgpu", "this browser does not have it");
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (adapter === null) return against("no_card", "there is no graphics card for it");
  if (o.prefer === "auto" && adapter.info?.isFallbackAdapter) return against("emulated", "it is only emulated here");
  return undefined;
}

function againstThreads(): Against | undefined {
  if (!globalThis.crossOriginIsolated) return against("not_isolated", "the page is not isolated from other origins");
  return navigator.hardwareConcurrency > 1 ? undefined : against("one_processor", "there is one processor");
}
