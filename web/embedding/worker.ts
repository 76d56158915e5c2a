/** The worker: opens a model once, then embeds one picture after the other. */

import {decode} from "./decode";
import {failureOf} from "./protocol";
import type {Answer, Request} from "./protocol";
import {reduce, reduction, squeeze} from "./resize";
import type {Pixels} from "./resize";
import {openSession} from "./runtime";
import type {Session} from "./runtime";
import type {Crop, Embedded} from "./types";

/** As much of a worker's global scope as is used; the types of a page know it as a window. */
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<Request>) => void) | null;
  postMessage(answer: Answer, transfer?: Transferable[]): void;
};

let opened: {session: Session; side: number} | undefined;
let last: Promise<void> = Promise.resolve();

scope.onmessage = ({data}) => {
  last = last.then(() => answer(data));
};

async function answer(request: Request): Promise<void> {
  const {id} = request;
  try {
    if (request.type === "open") {
      await open(request);
      scope.postMessage({type: "opened", id});
    } else {
      const embedded = await embed(request.picture, request.crop);
      scope.postMessage({type: "embedded", id, embedded}, [embedded.vector.buffer]);
    }
  } catch (error) {
    scope.postMessage({type: "failed", id, failure: failureOf(error)});
  }
}

async function open(request: Extract<Request, {type: "open"}>): Promise<void> {
  const {side, backend} = request;
  const session = await openSession(request.model, {backend, side});
  const vector = await session.run(new Uint8Array(side * side * 3).fill(127)); // the first run takes longer than all after
  if (!vector.every(Number.isFinite)) throw new Error(`${backend} computed a vector with numbers that are none`);
  opened = {session, side};
}

async function embed(picture: Blob | ImageBitmap, crop: Crop | undefined): Promise<Embedded> {
  if (opened === undefined) throw new Error("expected a model to be opened first");
  const begun = performance.now();
  const {pixels, width, height, jpeg} = await decode(picture, crop);
  const decoded = performance.now();
  const small = squeezed(pixels, {side: opened.side, jpeg, whole: crop === undefined});
  const resized = performance.now();
  const vector = await opened.session.run(small);
  const done = performance.now();
  const timings = {
    decode_ms: decoded - begun,
    resize_ms: resized - decoded,
    run_ms: done - resized,
    total_ms: done - begun,
  };
  return {vector, timings, width, height};
}

/** Of a crop every pixel counts, as on the server; a whole picture is reduced first. */
function squeezed(pixels: Pixels, o: {side: number; jpeg: boolean; whole: boolean}): Uint8Array {
  const factor = o.whole ? reduction(pixels.width, pixels.height, o) : 1;
  return squeeze(reduce(pixels, factor), o.side).data as Uint8Array;
}
