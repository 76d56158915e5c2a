const AT_ONCE = 0x2000;

/** So large that a double has no room behind the point: adding it rounds to a whole number, halves to the even one. */
const NO_ROOM = 2 ** 52;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Base64 of little-endian float32, as vectors travel in JSON. */
export function base64OfFloats(vector: Float32Array): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, i) => view.setFloat32(i * 4, value, true));
  return base64Of(new Uint8Array(view.buffer));
}

/** The same of float16, in half the length: what a collection keeps of a vector. Each value becomes the nearest one. */
export function base64OfHalves(vector: Float32Array): string {
  const view = new DataView(new ArrayBuffer(vector.length * 2));
  vector.forEach((value, i) => view.setUint16(i * 2, halfOf(value), true));
  return `float16:${base64Of(new Uint8Array(view.buffer))}`;
}

function base64Of(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += AT_ONCE) parts.push(String.fromCharCode(...bytes.subarray(i, i + AT_ONCE)));
  return btoa(parts.join(""));
}

/** The 16 bits of a float16 (IEEE 754 binary16): newer browsers have `setFloat16`, older ones do not. */
function halfOf(value: number): number {
  float[0] = value;
  const [written] = bits as unknown as [number];
  if (Number.isNaN(value)) return 0x7e00;
  const sign = (written >>> 16) & 0x8000;
  const exponent = Math.max(((written >>> 23) & 0xff) - 127, -14); // below 2^-14 all are steps of 2^-24
  if (exponent > 15) return sign | 0x7c00;
  const steps = Math.abs(value) / 2 ** (exponent - 10) + NO_ROOM - NO_ROOM;
  return sign | (((exponent + 14) << 10) + steps); // what is rounded up to the next power carries into its exponent
}
