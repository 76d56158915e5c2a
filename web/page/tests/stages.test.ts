import {expect, it} from "vitest";

import {stagesOf} from "../src/search/stages";

it("lists the stages in the order in which they happened, without the total", () => {
  const how = {
    where: "browser" as const,
    vector: {
      vector: new Float32Array(1),
      model: "",
      backend: "wasm" as const,
      whys: [],
      timings: {decode_ms: 3, resize_ms: 2, run_ms: 40, total_ms: 45},
    },
    fellBack: null,
    meanwhile: false,
    sentPicture: false,
    networkMs: 7,
  };
  const timingsMs = {search: 1.5, fetch: 0.5, total: 2};

  const stages = stagesOf({how, timingsMs, rerankMs: 90});

  expect(stages.map(({place, name, ms}) => `${place} ${name} ${ms}`)).toEqual([
    "browser decode 3",
    "browser resize 2",
    "browser run 40",
    "network network 7",
    "service search 1.5",
    "service fetch 0.5",
    "service reranked 90",
  ]);
});
