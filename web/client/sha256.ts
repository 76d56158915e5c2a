/** SHA-256 as 64 hexadecimal digits; where a page is not secure and so has no `crypto.subtle`, by a small library. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = crypto.subtle ? new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)) : await slowly(bytes);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function slowly(bytes: Uint8Array): Promise<Uint8Array> {
  const {sha256: hash} = await import("@noble/hashes/sha2.js");
  return hash(bytes);
}
