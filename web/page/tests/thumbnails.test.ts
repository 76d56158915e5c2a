import {afterEach, expect, it, vi} from "vitest";

import type {CollectionClient} from "../../client";
import {thumbnailUrl} from "../src/search/thumbnails";

afterEach(() => vi.restoreAllMocks());

it("a picture that two places ask for at the same time has one URL, and none is left behind", async () => {
  const made = vi.spyOn(URL, "createObjectURL");
  const given: ((blob: Blob) => void)[] = [];
  const from = {name: "c", thumbnail: () => new Promise<Blob>((resolve) => given.push(resolve))} as unknown as CollectionClient;
  const {signal} = new AbortController();

  const [one, other] = [thumbnailUrl(from, "a", 320, signal), thumbnailUrl(from, "a", 320, signal)];
  await vi.waitFor(() => expect(given).toHaveLength(2));
  for (const give of given) give(new Blob(["x"]));

  expect(await one).toBe(await other);
  expect(made).toHaveBeenCalledTimes(1);
});
