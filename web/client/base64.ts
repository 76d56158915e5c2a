const AT_ONCE = 0x2000;

/** Base64 of little-endian float32, as vectors travel in JSON. */
export function base64OfFloats(vector: Float32Array): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, i) => view.setFloat32(i * 4, value, true));
  const bytes = new Uint8Array(view.buffer);
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += AT_ONCE) parts.push(String.fromCharCode(...bytes.subarray(i, i + AT_ONCE)));
  return btoa(parts.join(""));
}
