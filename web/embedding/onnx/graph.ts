import {bytes, number, numberOf, read, text, textOf, write} from "./wire";
import type {Field} from "./wire";

// Numbers of fields in onnx.proto.
const MODEL_GRAPH = 7;
const GRAPH = {node: 1, constant: 5, output: 12};
const NODE = {input: 1, output: 2, name: 3, operator: 4, attribute: 5};
const ATTRIBUTE = {name: 1, integer: 3, type: 20};
const TENSOR = {dims: 1, type: 2, name: 8, raw: 9};
const NAME_OF_VALUE = 1;
const INTEGER = 2;

/** Types of tensors, as ONNX numbers them. */
export const TYPES = {float32: 1, uint8: 2, int8: 3, int32: 6} as const;

export interface Node {
  operator: string;
  name: string;
  inputs: string[];
  outputs: string[];
  /** Name -> value, of those that are one whole number; the others are only kept. */
  integers: Map<string, number>;
  attributes: Field[];
}

export interface Constant {
  dims: number[];
  type: number;
  raw: Uint8Array;
}

/** A model's graph, to be looked at and changed. What is not named here stays as it is. */
export class Graph {
  nodes: Node[];
  readonly #model: Field[];
  readonly #others: Field[];
  readonly #constants = new Map<string, Field>();

  constructor(model: Uint8Array) {
    this.#model = read(model);
    const graph = this.#model.find((field) => field.number === MODEL_GRAPH);
    if (graph === undefined) throw new Error("expected an ONNX model, got a file without a graph");
    const fields = read(graph.bytes);
    this.nodes = fields.filter((field) => field.number === GRAPH.node).map(nodeOf);
    for (const field of fields) if (field.number === GRAPH.constant) this.#constants.set(nameOf(field), field);
    this.#others = fields.filter((field) => field.number !== GRAPH.node && field.number !== GRAPH.constant);
  }

  /** A constant whose values lie in the file as they are; undefined for any other name. */
  constant(name: string): Constant | undefined {
    const field = this.#constants.get(name);
    if (field === undefined) return undefined;
    const fields = read(field.bytes);
    const raw = fields.find((one) => one.number === TENSOR.raw);
    const type = fields.find((one) => one.number === TENSOR.type);
    const dims = fields.filter((one) => one.number === TENSOR.dims).flatMap(numbersOf);
    return raw && type && {dims, type: numberOf(type), raw: raw.bytes};
  }

  /** Adds a constant of float32. */
  addFloats(name: string, dims: number[], values: Float32Array): string {
    const view = new DataView(new ArrayBuffer(values.length * 4));
    values.forEach((value, i) => view.setFloat32(i * 4, value, true));
    const fields = [
      ...dims.map((extent) => number(TENSOR.dims, extent)),
      number(TENSOR.type, TYPES.float32),
      text(TENSOR.name, name),
      bytes(TENSOR.raw, new Uint8Array(view.buffer)),
    ];
    this.#constants.set(name, bytes(GRAPH.constant, write(fields)));
    return name;
  }

  /** The file, without the nodes and constants that lead to no output. */
  write(): Uint8Array<ArrayBuffer> {
    const needed = new Set(this.#others.filter((field) => field.number === GRAPH.output).map(nameOfValue));
    const nodes = this.nodes.toReversed().filter((node) => {
      if (!node.outputs.some((name) => needed.has(name))) return false;
      for (const name of node.inputs) needed.add(name);
      return true;
    });
    const constants = [...this.#constants].filter(([name]) => needed.has(name)).map(([, field]) => field);
    const graph = write([...nodes.toReversed().map(fieldOf), ...constants, ...this.#others]);
    return write(this.#model.map((field) => (field.number === MODEL_GRAPH ? bytes(MODEL_GRAPH, graph) : field)));
  }
}

/** A node with at most one attribute, a whole number. */
export function newNode(
  operator: string,
  inputs: string[],
  output: string,
  attributes: {[name: string]: number} = {},
): Node {
  const made = Object.entries(attributes).map(([name, value]) =>
    bytes(
      NODE.attribute,
      write([text(ATTRIBUTE.name, name), number(ATTRIBUTE.integer, value), number(ATTRIBUTE.type, INTEGER)]),
    ),
  );
  const integers = new Map(Object.entries(attributes));
  return {operator, name: `lookalike/${operator}/${output}`, inputs, outputs: [output], integers, attributes: made};
}

function nodeOf(field: Field): Node {
  const fields = read(field.bytes);
  const texts = (wanted: number): string[] => fields.filter((one) => one.number === wanted).map(textOf);
  const known: number[] = [NODE.input, NODE.output, NODE.name, NODE.operator];
  const attributes = fields.filter((one) => !known.includes(one.number));
  return {
    operator: texts(NODE.operator)[0] ?? "",
    name: texts(NODE.name)[0] ?? "",
    inputs: texts(NODE.input),
    outputs: texts(NODE.output),
    integers: new Map(attributes.filter((one) => one.number === NODE.attribute).flatMap(integerOf)),
    attributes,
  };
}

function fieldOf(node: Node): Field {
  return bytes(
    GRAPH.node,
    write([
      ...node.inputs.map((name) => text(NODE.input, name)),
      ...node.outputs.map((name) => text(NODE.output, name)),
      text(NODE.name, node.name),
      text(NODE.operator, node.operator),
      ...node.attributes,
    ]),
  );
}

function integerOf(field: Field): [string, number][] {
  const fields = read(field.bytes);
  const name = fields.find((one) => one.number === ATTRIBUTE.name);
  const value = fields.find((one) => one.number === ATTRIBUTE.integer);
  return name && value ? [[textOf(name), numberOf(value)]] : [];
}

/** Whole numbers are written one by one, or several in one field. */
function numbersOf(field: Field): number[] {
  if (field.wire === 0) return [numberOf(field)];
  const found: number[] = [];
  for (let at = 0, end = 0; at < field.bytes.length; at = end) {
    end = at + 1 + field.bytes.subarray(at).findIndex((byte) => byte < 128);
    found.push(numberOf({...field, bytes: field.bytes.subarray(at, end)}));
  }
  return found;
}

function nameOf(constant: Field): string {
  const name = read(constant.bytes).find((one) => one.number === TENSOR.name);
  return name ? textOf(name) : "";
}

function nameOfValue(value: Field): string {
  const name = read(value.bytes).find((one) => one.number === NAME_OF_VALUE);
  return name ? textOf(name) : "";
}
