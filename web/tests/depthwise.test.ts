import {readFileSync} from "node:fs";

import * as ort from "onnxruntime-web";
import {describe, expect, test} from "vitest";

import {floatDepthwise} from "../embedding/onnx/depthwise";
import {Graph} from "../embedding/onnx/graph";
import {read, write} from "../embedding/onnx/wire";

interface Golden {
  side: number;
  model: string;
}

const {side, model: encoded} = JSON.parse(readFileSync(new URL("golden/depthwise.json", import.meta.url), "utf8")) as Golden;
const MODEL = new Uint8Array(Buffer.from(encoded, "base64"));

async function vectors(model: Uint8Array, pictures: Uint8Array[]): Promise<Float32Array[]> {
  const session = await ort.InferenceSession.create(model, {logSeverityLevel: 3});
  const found: Float32Array[] = [];
  for (const pixels of pictures) {
    const {embedding} = await session.run({pixels: new ort.Tensor("uint8", pixels, [1, side, side, 3])});
    found.push(Float32Array.from(embedding!.data as Float32Array));
  }
  return found;
}

function noise(seed: number): Uint8Array {
  let state = seed;
  return new Uint8Array(side * side * 3).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

describe("depthwise convolutions in float32", () => {
  test("give the same vectors, bit for bit", async () => {
    const pictures = Array.from({length: 40}, (_, seed) => noise(seed));

    expect(await vectors(floatDepthwise(MODEL), pictures)).toEqual(await vectors(MODEL, pictures));
  }, 120_000);

  test("stand for those alone whose levels begin at 0", () => {
    const graph = new Graph(floatDepthwise(MODEL));
    const casts = graph.nodes.filter(({operator}) => operator === "Cast").flatMap(({outputs}) => outputs);

    expect(casts).toEqual(["lookalike/first_exact/levels", "lookalike/second_exact/levels"]);
  });

  test("leave nothing behind that leads nowhere", () => {
    const {nodes} = new Graph(floatDepthwise(MODEL));
    const read = new Set(nodes.flatMap(({inputs}) => inputs));

    const unread = nodes.flatMap(({outputs}) => outputs).filter((name) => !read.has(name));

    expect(unread).toEqual(["embedding"]);
  });

  test("are made once: a second time there are none left", () => {
    const once = floatDepthwise(MODEL);

    expect(floatDepthwise(once)).toBe(once);
  });
});

describe("a message", () => {
  test("is written as it was read", () => {
    expect(write(read(MODEL))).toEqual(MODEL);
  });

  test.each([1, 2, 3, 100, MODEL.length - 1])("that is cut off after %i bytes is refused", (length) => {
    expect(() => floatDepthwise(MODEL.slice(0, length))).toThrow();
  });

  test.each([[[0x0b]], [[0x08, ...Array.from({length: 12}, () => 0xff)]], [[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]]])(
    "with the bytes %j is refused",
    (bytes) => {
      expect(() => read(Uint8Array.from(bytes))).toThrow(RangeError);
    },
  );
});
