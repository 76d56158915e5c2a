import {describe, expect, it} from "vitest";

import type {Hit, Reply} from "../../client";
import {pageOf} from "../src/search/paging";

const hit = (id: string, group: string[] = []) => ({id, group}) as unknown as Hit;
const reply = (ids: string[], o: Partial<Reply> = {}) =>
  ({hits: ids.map((id) => hit(id)), has_more: true, total_matching: 9, query_id: null, ...o}) as Reply;
const idsOf = ({hits}: {hits: readonly Hit[]}) => hits.map(({id}) => id);

describe("a page of k hits, of k + 1 that were asked for", () => {
  it("is without the picture that is searched with, and says that it is there", () => {
    const page = pageOf(reply(["own", "a", "b", "c"]), {k: 3, offset: 0, own: "own", withOwn: false});

    expect(idsOf(page)).toEqual(["a", "b", "c"]);
    expect(page).toMatchObject({self: "own", next: 4, hasMore: true, total: 8});
  });

  it("has the first k where that picture is not among them, and goes on behind them", () => {
    const page = pageOf(reply(["a", "b", "c", "d"], {has_more: false}), {k: 3, offset: 6, own: "own", withOwn: false});

    expect(idsOf(page)).toEqual(["a", "b", "c"]);
    expect(page).toMatchObject({self: "", next: 9, hasMore: true, total: 9});
  });

  it("shows it where that is wanted", () => {
    const page = pageOf(reply(["own", "a", "b"]), {k: 3, offset: 0, own: "own", withOwn: true});

    expect(idsOf(page)).toEqual(["own", "a", "b"]);
    expect(page).toMatchObject({self: "own", total: 9});
  });

  it("believes the service on which picture it is", () => {
    const page = pageOf(reply(["a", "b"], {query_id: "known", has_more: false}), {k: 3, offset: 0, own: "", withOwn: false});

    expect(page).toMatchObject({self: "known", hasMore: false, total: 9});
  });

  it("keeps it where it stands for near-identical others", () => {
    const grouped = {...reply([]), hits: [hit("own", ["own", "twin"]), hit("a")]};

    expect(idsOf(pageOf(grouped, {k: 3, offset: 0, own: "own", withOwn: false}))).toEqual(["own", "a"]);
  });

  it("joins with the next one without a gap, wherever the picture stands", () => {
    const all = ["a", "b", "c", "own", "d", "e", "f"];
    for (const place of all.keys()) {
      const order = [...all.filter((id) => id !== "own").slice(0, place), "own", ...all.filter((id) => id !== "own").slice(place)];
      const seen: string[] = [];
      for (let next = 0, more = true; more; ) {
        const hits = order.slice(next, next + 3);
        const page = pageOf(reply(hits, {has_more: next + 3 < order.length}), {k: 2, offset: next, own: "own", withOwn: false});
        seen.push(...idsOf(page));
        [next, more] = [page.next, page.hasMore];
      }
      expect(seen).toEqual(["a", "b", "c", "d", "e", "f"]);
    }
  });
});
