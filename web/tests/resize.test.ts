import {createHash} from "node:crypto";
import {readFileSync} from "node:fs";

import {describe, expect, test} from "vitest";

import {reduce, reduction, squeeze} from "../embedding/resize";
import type {Pixels} from "../embedding/resize";

interface Golden {
  width: number;
  height: number;
  factor: number;
  side: number;
  sha256: string;
  base64?: string;
}

const GOLDEN = JSON.parse(readFileSync(new URL("golden/resizing.json", import.meta.url), "utf8")) as Golden[];

/** The high bytes of a linear congruential sequence, as in tests/golden/resizing.py. */
function noise(width: number, height: number, channels: 3 | 4): Pixels {
  const data = new Uint8Array(width * height * channels);
  let state = width * 65_536 + height;
  for (let i = 0; i < data.length; i++) {
    if (channels === 4 && i % 4 === 3) continue;
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[i] = state >>> 24;
  }
  return {data, width, height, channels};
}

describe.each(GOLDEN)("$width x $height, reduced by $factor, squeezed to $side", (golden) => {
  test.each([3, 4] as const)("gives the server's bytes from %i channels", (channels) => {
    const source = noise(golden.width, golden.height, channels);

    const squeezed = squeeze(reduce(source, golden.factor), golden.side);

    if (golden.base64) expect(Buffer.from(squeezed.data).toString("base64")).toBe(golden.base64);
    expect(createHash("sha256").update(squeezed.data).digest("hex")).toBe(golden.sha256);
  });
});

test.each([
  {width: 447, height: 900, jpeg: true, factor: 1},
  {width: 448, height: 900, jpeg: true, factor: 2},
  {width: 900, height: 895, jpeg: true, factor: 2},
  {width: 4000, height: 3000, jpeg: true, factor: 8},
  {width: 4000, height: 3000, jpeg: false, factor: 13},
  {width: 4000, height: 100, jpeg: true, factor: 1},
])("a picture of $width x $height (JPEG: $jpeg) is reduced by $factor", ({width, height, jpeg, factor}) => {
  expect(reduction(width, height, {side: 224, jpeg})).toBe(factor);
});
