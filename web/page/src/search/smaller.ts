/** A small copy of a large picture, for a service that is to answer at once: the model looks at no more of it. */

const MOST_BYTES = 40_000;
const MOST_SIDE = 448;
const QUALITY = 0.85;

/** The picture itself where it is small, or where this browser cannot make a copy of it. */
export async function smallerCopy(picture: Blob): Promise<Blob> {
  if (picture.size <= MOST_BYTES) return picture;
  try {
    const copy = await copyOf(picture);
    return copy.size < picture.size ? copy : picture;
  } catch {
    return picture;
  }
}

/** Upright, on white, as a JPEG. */
async function copyOf(picture: Blob): Promise<Blob> {
  const bitmap = await createImageBitmap(picture);
  try {
    const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
    const pen = canvas.getContext("2d")!;
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({type: "image/jpeg", quality: QUALITY});
  } finally {
    bitmap.close();
  }
}
