import {describe, expect, it} from "vitest";

import {between, FIRST, grown, LEAST, moved, opposite, settled, WHOLE} from "../src/state/crop_moves";
import {ALL, MOST_SCALE, panned, zoomed} from "../src/state/view";

describe("a crop", () => {
  it("stays inside wherever it is moved", () => {
    expect(moved(FIRST, 5, -5)).toMatchObject({x: expect.closeTo(0.3), y: 0});
  });

  it("grows to the edge and shrinks to what can still be grasped", () => {
    expect(grown(FIRST, 5, -5)).toMatchObject({width: 0.85, height: LEAST});
  });

  it("is the same whichever way it is drawn", () => {
    const [one, other] = [{x: 0.2, y: 0.8}, {x: 0.6, y: 0.1}];

    expect(between(one, other)).toEqual(between(other, one));
    expect(between({x: -3, y: -3}, {x: 9, y: 9})).toEqual(WHOLE);
    expect(between({x: 1, y: 1}, {x: 1, y: 1})).toMatchObject({width: expect.closeTo(LEAST), height: expect.closeTo(LEAST)});
  });

  it("turns about the corner opposite to the one that is drawn", () => {
    expect(opposite({x: 0.1, y: 0.2, width: 0.5, height: 0.5}, "nw")).toEqual({x: 0.6, y: 0.7});
    expect(opposite({x: 0.1, y: 0.2, width: 0.5, height: 0.5}, "se")).toEqual({x: 0.1, y: 0.2});
  });

  it("is none where it is the whole picture", () => {
    expect(settled(WHOLE)).toBeNull();
    expect(settled({x: 1 / 3, y: 0, width: 2 / 3, height: 0.5})).toEqual({x: 0.3333, y: 0, width: 0.6667, height: 0.5});
  });
});

describe("a view of two pictures", () => {
  it("shows all at first and never less than that, nor too close", () => {
    expect(zoomed(ALL, 0.1)).toEqual(ALL);
    expect(zoomed(ALL, 1e9).scale).toBe(MOST_SCALE);
    expect(panned(ALL, 0.4, 0.4)).toEqual(ALL);
  });

  it("keeps what lies under the pointer where it is", () => {
    const at = {x: 0.7, y: 0.4};
    const place = (view: typeof ALL) => view.x + (at.x - 0.5) / view.scale;

    expect(place(zoomed(ALL, 3, at))).toBeCloseTo(place(ALL));
  });

  it("comes back to all when it is zoomed out", () => {
    const away = panned(zoomed(ALL, 4), -0.3, 0.2);

    expect(zoomed(away, 1 / 4)).toEqual(ALL);
  });
});
