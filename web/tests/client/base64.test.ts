/** Vectors as text: which bits are written, and that float16 are the nearest ones. */
import {expect, test} from "vitest";

import {base64OfFloats, base64OfHalves} from "../../client/base64";

const ALL = Array.from({length: 0x7c00}, (_, half) => half); // from 0 to the largest

test("writes float32 as they are", () => {
  expect(base64OfFloats(new Float32Array([1, -0.5]))).toBe("AACAPwAAAL8=");
});

test("writes float16 behind their name", () => {
  expect(base64OfHalves(new Float32Array([0.5, -0.5]))).toBe("float16:ADgAuA==");
  expect(base64OfHalves(new Float32Array(0))).toBe("float16:");
});

test("writes each float16 as itself, with either sign", () => {
  expect(halvesOf(ALL.map(valueOf))).toEqual(ALL);
  expect(halvesOf(ALL.map((half) => -valueOf(half)))).toEqual(ALL.map((half) => half | 0x8000));
});

test("writes what lies between two as the nearer one, and the middle as the even one", () => {
  const pairs = ALL.slice(0, -1).map((half) => ({half, low: valueOf(half), high: valueOf(half + 1)}));
  const below = pairs.map(({half}) => half);
  expect(halvesOf(pairs.map(({low, high}) => (low + high) / 2))).toEqual(below.map((half) => half + (half % 2)));
  expect(halvesOf(pairs.map(({low, high}) => low + (high - low) * 0.499))).toEqual(below);
  expect(halvesOf(pairs.map(({low, high}) => low + (high - low) * 0.501))).toEqual(below.map((half) => half + 1));
});

test("writes what is no number of a vector as what the service refuses", () => {
  expect(halvesOf([NaN, Infinity, -Infinity, 65_520, 1e30])).toEqual([0x7e00, 0x7c00, 0xfc00, 0x7c00, 0x7c00]);
  expect(halvesOf([65_519])).toEqual([0x7bff]);
});

function halvesOf(values: number[]): number[] {
  const text = atob(base64OfHalves(new Float32Array(values)).slice("float16:".length));
  const view = new DataView(Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer);
  return values.map((_, i) => view.getUint16(i * 2, true));
}

/** By the definition of binary16. */
function valueOf(half: number): number {
  const [exponent, fraction] = [half >> 10, half & 0x3ff];
  return exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
}
