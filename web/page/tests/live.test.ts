import {expect, it} from "vitest";

import type {CollectionClient, Hit, StreamHits, StreamOptions} from "../../client";
import {LiveSession} from "../src/live/stream_session";

function session(where: "server" | "browser" = "server") {
  let options: StreamOptions = {};
  const stream = {send: () => 0, close: () => undefined, dropped: 0};
  const collection = {stream: (o: StreamOptions) => ((options = o), stream)} as unknown as CollectionClient;
  const made = new LiveSession({collection, model: "", where, maySend: false, fps: 1, video: {} as HTMLVideoElement});
  const arrive = (seq: number, id: string) => options.onHits!({seq, hits: [{id} as Hit]} as StreamHits);
  return {made, arrive, shown: () => made.hits.value.map(({id}) => id)};
}

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

  expect(made.framesNeeded.value).toContain("no model");
  made.close();
});
