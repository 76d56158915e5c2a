import {base64OfHalves} from "./base64";
import {Problem, problemOf} from "./problem";
import {sha256} from "./sha256";
import type {Transport} from "./transport";
import type {Metadata, PresignedPut, Upload, UploadResult} from "./types";

export interface UploadOptions {
  name?: string;
  /** With `model`, its id: the picture can be found before the service has looked at it. */
  vector?: Float32Array;
  model?: string;
  metadata?: Metadata;
  /** Bytes sent so far. */
  onProgress?(sent: number, total: number): void;
  signal?: AbortSignal;
}

/** Asks for an upload, puts the bytes, completes it; what was begun and failed is given up. */
export async function upload(transport: Transport, path: string, file: Blob, o: UploadOptions): Promise<UploadResult> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const hash = await sha256(bytes);
  o.signal?.throwIfAborted();
  const begun = await transport.json<Upload>("POST", path, {
    json: {size_bytes: bytes.length, content_type: typeOf(file), sha256: hash, name: nameOf(file, o)},
    once: true,
    signal: o.signal,
  });
  const own = `${path}/${encodeURIComponent(begun.id)}`;
  try {
    if (begun.put) await put(transport, begun.put, bytes, o);
    return await transport.json<UploadResult>("POST", `${own}/complete`, {
      json: {sha256: hash, ...(o.vector ? {vector: base64OfHalves(o.vector), model: o.model} : {}), metadata: o.metadata},
      once: true,
      signal: o.signal,
    });
  } catch (error) {
    await transport.send("DELETE", own).catch(() => undefined); // it expires by itself where this fails
    throw error;
  }
}

/** The service tells the format by the bytes; what is said here only has to be some picture. */
function typeOf(file: Blob): string {
  return /^image\/[a-z0-9.+-]{1,64}$/.test(file.type) ? file.type : "image/x-unknown";
}

function nameOf(file: Blob, o: UploadOptions): string | undefined {
  return o.name ?? (typeof File !== "undefined" && file instanceof File ? file.name : undefined);
}

async function put(transport: Transport, to: PresignedPut, bytes: Uint8Array<ArrayBuffer>, o: UploadOptions): Promise<void> {
  const url = new URL(to.url, `${transport.baseUrl}/`).href;
  if (o.onProgress && typeof XMLHttpRequest !== "undefined") {
    await putByXhr(url, to, bytes, o);
    return;
  }
  const init = {method: to.method, headers: settable(to.headers), body: bytes, ...(o.signal ? {signal: o.signal} : {})};
  const response = await transport.raw(url, {...init, credentials: "omit"});
  if (!isThere(response)) throw await problemOf(response);
  o.onProgress?.(bytes.length, bytes.length);
}

/** `fetch` does not tell how much was sent; this does. */
async function putByXhr(url: string, to: PresignedPut, bytes: Uint8Array<ArrayBuffer>, o: UploadOptions): Promise<void> {
  const request = new XMLHttpRequest();
  const stop = (): void => request.abort();
  o.signal?.addEventListener("abort", stop, {once: true});
  try {
    const response = await new Promise<Response>((resolve, reject) => {
      request.upload.onprogress = ({loaded}) => o.onProgress?.(loaded, bytes.length);
      request.onload = () => resolve(responseOf(request));
      request.onabort = () => reject(o.signal?.reason as Error);
      request.onerror = () =>
        reject(new Problem({code: "unreachable", status: 0, detail: "the storage cannot be reached"}));
      request.open(to.method, url);
      for (const [name, value] of Object.entries(settable(to.headers))) request.setRequestHeader(name, value);
      request.send(bytes);
    });
    if (!isThere(response)) throw await problemOf(response);
  } finally {
    o.signal?.removeEventListener("abort", stop);
  }
}

/** 412: something came before, as when a first try's answer was lost. The completion compares it with what was announced. */
function isThere(response: Response): boolean {
  return response.ok || response.status === 412;
}

/** Without those that a browser sets itself and lets nobody else set. */
function settable(headers: {[name: string]: string}): {[name: string]: string} {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(content-length|host)$/i.test(name)));
}

function responseOf(request: XMLHttpRequest): Response {
  const type = request.getResponseHeader("Content-Type") ?? "";
  return new Response(request.status === 204 ? null : request.responseText, {
    status: request.status,
    headers: {"Content-Type": type},
  });
}
