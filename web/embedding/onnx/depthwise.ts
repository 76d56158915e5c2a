import {Graph, newNode, TYPES} from "./graph";
import type {Constant, Node} from "./graph";

/**
 * Lets a model's 8-bit depthwise convolutions be computed in float32, to the same result, bit for bit.
 *
 * In WebAssembly ONNX Runtime computes them one number at a time, which takes half of the whole time; in float32, four
 * at a time. Levels and weights go in as the whole numbers that they are, so that float32 adds them up exactly as long as
 * no sum reaches 2^24; then follows the scaling that the runtime itself does: one product with a float32, rounded.
 *
 *     DequantizeLinear -> Conv -> QuantizeLinear   becomes   Cast -> Conv -> Relu -> Mul -> QuantizeLinear (by 1)
 *
 * Relu takes away nothing, as levels begin at 0; without it the runtime would multiply the weights by the scales, and
 * those sums are not exact any more. A convolution that is not of this form stays as it is.
 */
export function floatDepthwise(model: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const graph = new Graph(model);
  const places = new Places(graph);
  const found = graph.nodes.flatMap((node) => places.depthwise(node) ?? []);
  if (found.length === 0) return model;
  const one = graph.addFloats("lookalike/one", [], Float32Array.of(1));
  const made = new Map(found.map((depthwise) => [depthwise.convolution, inFloat(graph, depthwise)]));
  for (const {quantise} of found) quantise.inputs[1] = one;
  graph.nodes = graph.nodes.flatMap((node) => made.get(node) ?? [node]);
  return graph.write();
}

interface Depthwise {
  convolution: Node;
  /** Name of the levels that go in. */
  levels: string;
  weight: Constant;
  bias: Constant;
  /** Level = sum * scales[c]. */
  scales: Float32Array;
  quantise: Node;
}

function inFloat(graph: Graph, {convolution, levels, weight, bias, scales}: Depthwise): Node[] {
  const {name} = convolution;
  const output = convolution.outputs[0]!;
  const made = (part: string): string => `lookalike/${name}/${part}`;
  const inputs = [
    made("levels"),
    graph.addFloats(made("weight"), weight.dims, Float32Array.from(int8(weight))),
    graph.addFloats(made("bias"), bias.dims, Float32Array.from(int32(bias))),
  ];
  const factor = graph.addFloats(made("scales"), [1, scales.length, 1, 1], scales);
  return [
    newNode("Cast", [levels], made("levels"), {to: TYPES.float32}),
    {...convolution, inputs, outputs: [made("sums")]},
    newNode("Relu", [made("sums")], made("positive")),
    newNode("Mul", [made("positive"), factor], output),
  ];
}

/** Who makes and who reads what. */
class Places {
  readonly #makers: Map<string, Node>;
  readonly #readers = new Map<string, Node[]>();

  constructor(private readonly graph: Graph) {
    this.#makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
    for (const node of graph.nodes) {
      for (const name of node.inputs) this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
    }
  }

  /** The parts of a depthwise convolution between levels that begin at 0; undefined for any other node. */
  depthwise(node: Node): Depthwise | undefined {
    if (node.operator !== "Conv" || (node.integers.get("group") ?? 1) < 2 || node.inputs.length !== 3) return undefined;
    const [input, weight, bias] = node.inputs.map((name) => this.#dequantised(name));
    const [quantise, ...others] = this.#readers.get(node.outputs[0]!) ?? [];
    if (!input || !weight?.levels || !bias?.levels || quantise?.operator !== "QuantizeLinear" || others.length > 0) return undefined;
    const output = this.#scaling(quantise);
    if (!output || !input.beginsAtZero || !output.beginsAtZero || input.scales.length > 1 || output.scales.length > 1) return undefined;
    if (weight.levels.type !== TYPES.int8 || bias.levels.type !== TYPES.int32) return undefined;
    const scales = weight.scales.map((scale) => Math.fround(input.scales[0]! * scale) / output.scales[0]!);
    return {convolution: node, levels: input.source, weight: weight.levels, bias: bias.levels, scales, quantise};
  }

  #dequantised(name: string): (Scaling & {source: string; levels: Constant | undefined}) | undefined {
    const maker = this.#makers.get(name);
    const scaling = maker?.operator === "DequantizeLinear" ? this.#scaling(maker) : undefined;
    const source = maker?.inputs[0];
    if (scaling === undefined || source === undefined) return undefined;
    return {...scaling, source, levels: this.graph.constant(source)};
  }

  #scaling(node: Node): Scaling | undefined {
    const [, scale, zero] = node.inputs.map((name) => this.graph.constant(name));
    if (scale?.type !== TYPES.float32 || zero === undefined) return undefined;
    return {scales: float32(scale), beginsAtZero: zero.raw.every((byte) => byte === 0)};
  }
}

interface Scaling {
  scales: Float32Array;
  beginsAtZero: boolean;
}

function int8({raw}: Constant): Int8Array {
  return new Int8Array(raw.slice().buffer);
}

function int32({raw}: Constant): Int32Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Int32Array.from({length: raw.length / 4}, (_, i) => view.getInt32(i * 4, true));
}

function float32({raw}: Constant): Float32Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Float32Array.from({length: raw.length / 4}, (_, i) => view.getFloat32(i * 4, true));
}
