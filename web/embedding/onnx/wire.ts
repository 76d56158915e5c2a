/** Protocol buffers as bytes: a message is a row of fields, kept as they are unless one looks inside. */

export interface Field {
  number: number;
  wire: number;
  /** The payload: of a varint its own bytes, of what has a length the bytes behind it. */
  bytes: Uint8Array;
}

const VARINT = 0;
const WITH_LENGTH = 2;
const FIXED: {[wire: number]: number} = {1: 8, 5: 4};

/** The fields of a message, as views of its bytes. */
export function read(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < message.length; ) {
    const tag = varint(message, at);
    const wire = tag.value % 8;
    const start = tag.end;
    const {from, to} = payload(message, start, wire);
    if (to > message.length) throw new RangeError("expected a whole message, got one that is cut off");
    fields.push({number: Math.floor(tag.value / 8), wire, bytes: message.subarray(from, to)});
    at = to;
  }
  return fields;
}

function payload(message: Uint8Array, start: number, wire: number): {from: number; to: number} {
  if (wire === VARINT) return {from: start, to: varint(message, start).end};
  if (wire === WITH_LENGTH) {
    const length = varint(message, start);
    return {from: length.end, to: length.end + length.value};
  }
  const size = FIXED[wire];
  if (size === undefined) throw new RangeError(`expected a field of wire type 0, 1, 2 or 5, got ${wire}`);
  return {from: start, to: start + size};
}

/** The message of these fields. */
export function write(fields: Field[]): Uint8Array<ArrayBuffer> {
  const parts = fields.flatMap(({number, wire, bytes}) => [
    varintBytes(number * 8 + wire),
    wire === WITH_LENGTH ? varintBytes(bytes.length) : new Uint8Array(0),
    bytes,
  ]);
  const message = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    message.set(part, at);
    at += part.length;
  }
  return message;
}

export function number(field: number, value: number): Field {
  return {number: field, wire: VARINT, bytes: varintBytes(value)};
}

export function bytes(field: number, value: Uint8Array): Field {
  return {number: field, wire: WITH_LENGTH, bytes: value};
}

export function text(field: number, value: string): Field {
  return bytes(field, new TextEncoder().encode(value));
}

export function textOf(field: Field): string {
  return new TextDecoder().decode(field.bytes);
}

/** Of a varint; what is above 2^53 loses its last digits. */
export function numberOf(field: Field): number {
  return varint(field.bytes, 0).value;
}

function varint(message: Uint8Array, start: number): {value: number; end: number} {
  let [value, scale] = [0, 1];
  for (let at = start; at < message.length && at < start + 10; at++, scale *= 128) {
    const byte = message[at]!;
    value += (byte % 128) * scale;
    if (byte < 128) return {value, end: at + 1};
  }
  throw new RangeError("expected a number, got one that is cut off");
}

function varintBytes(value: number): Uint8Array {
  const found: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) found.push((value % 128) + 128);
  return Uint8Array.from([...found, value]);
}
