import {afterEach, expect, it, vi} from "vitest";

import type {CollectionClient, Hit, StreamHits, StreamOptions} from "../../client";
import {LiveSession} from "../src/live/stream_session";
import {where as chosen} from "../src/state/preferences";

const taken = vi.hoisted(() => ({finish: null as (() => void) | null}));
vi.mock("../src/live/camera", () => ({shoot: () => new Promise((resolve) => (taken.finish = () => resolve(new Blob(["a frame"]))))}));

function session(where: "server" | "browser" = "server") {
  let options: StreamOptions = {};
  const send = vi.fn(() => 0);
  const stream = {send, close: () => undefined, dropped: 0};
  const collection = {stream: (o: StreamOptions) => ((options = o), stream)} as unknown as CollectionClient;
  chosen.value = where;
  globalThis.HTMLMediaElement ??= {HAVE_CURRENT_DATA: 2} as typeof HTMLMediaElement;
  const made = new LiveSession({collection, model: "", where, maySend: false, fps: 1_000, video: {readyState: 4} as HTMLVideoElement});
  const arrive = (seq: number, id: string) => options.onHits!({seq, hits: [{id} as Hit]} as StreamHits);
  return {made, send, options: () => options, arrive, shown: () => made.hits.value.map(({id}) => id)};
}

afterEach(() => (chosen.value = "auto"));

it("shows the hits of the newest frame, in whatever order answers come, and none after the end", () => {
  const {made, arrive, shown} = session();

  arrive(2, "second");
  arrive(1, "first, late");
  expect(shown()).toEqual(["second"]);
  arrive(3, "third");
  made.close();
  arrive(4, "after the end");

  expect(shown()).toEqual(["third"]);
});

it("asks before frames leave, where vectors are to be computed here and cannot be", () => {
  const {made} = session("browser");

  expect(made.framesNeeded.value!()).toContain("no model");
  made.close();
});

it.each([
  ["server", 1],
  ["browser", 0],
] as const)("sends a frame that was taken before %s was chosen %s times", async (place, times) => {
  const {made, send, options} = session("server");
  taken.finish = null;
  options().onState!("ready");
  await vi.waitFor(() => expect(taken.finish).not.toBeNull(), 10_000);

  chosen.value = place;
  taken.finish!();
  await new Promise((done) => setTimeout(done, 20));

  expect(send).toHaveBeenCalledTimes(times);
  made.close();
});
