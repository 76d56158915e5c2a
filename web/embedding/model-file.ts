import type {Lookalike} from "../client";
import {sha256} from "../client/sha256";
import {whole} from "../client/transport";

const CACHE = "lookalike-models";

export interface ModelFile {
  content: Uint8Array<ArrayBuffer>;
  fromCache: boolean;
}

/** The model's file, checked by its hash, which is its id; fetched once and then kept by the browser. */
export async function modelFile(
  client: Lookalike,
  modelId: string,
  onProgress?: (loaded: number, total: number) => void,
): Promise<ModelFile> {
  const url = client.modelUrl(modelId);
  const kept = await fromCache(url);
  if (kept !== undefined && (await sha256(kept)) === modelId) {
    onProgress?.(kept.length, kept.length);
    return {content: kept, fromCache: true};
  }
  const response = await client.transport.send("GET", `/v1/models/${encodeURIComponent(modelId)}/file`);
  const content = await whole(() => received(response, onProgress));
  const found = await sha256(content);
  if (found !== modelId) throw new Error(`expected the model ${modelId}, got a file whose SHA-256 is ${found}`);
  await keep(url, content);
  return {content, fromCache: false};
}

/** Whether the model's file lies in this browser already. */
export async function hasModelFile(client: Lookalike, modelId: string): Promise<boolean> {
  if (!("caches" in globalThis)) return false;
  try {
    return (await (await caches.open(CACHE)).match(client.modelUrl(modelId))) !== undefined;
  } catch {
    return false;
  }
}

async function received(
  response: Response,
  onProgress?: (loaded: number, total: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const total = Number(response.headers.get("Content-Length") ?? 0);
  const parts: Uint8Array[] = [];
  let loaded = 0;
  for await (const part of response.body ?? []) {
    parts.push(part);
    loaded += part.length;
    onProgress?.(loaded, Math.max(total, loaded));
  }
  const content = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    content.set(part, at);
    at += part.length;
  }
  return content;
}

/** Nothing where the page is not secure: there is no cache then but the browser's own, of HTTP. */
async function fromCache(url: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!("caches" in globalThis)) return undefined;
  try {
    const kept = await (await caches.open(CACHE)).match(url);
    return kept && new Uint8Array(await kept.arrayBuffer());
  } catch {
    return undefined; // storage may be forbidden: then it is fetched
  }
}

async function keep(url: string, content: Uint8Array<ArrayBuffer>): Promise<void> {
  if (!("caches" in globalThis)) return;
  try {
    await (await caches.open(CACHE)).put(url, new Response(content));
  } catch {
    // Storage may be full or forbidden: then it is fetched again the next time.
  }
}
