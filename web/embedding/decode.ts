import type {Pixels} from "./resize";
import type {Crop} from "./types";

/** A picture's pixels, upright, transparency laid on white; of the part that was asked for. */
export interface Decoded {
  pixels: Pixels;
  /** Of the whole picture, upright. */
  width: number;
  height: number;
  jpeg: boolean;
}

/** Its stored values as they are: nothing is converted by colour profiles, which the server does not look at either. */
const AS_STORED = {
  imageOrientation: "from-image",
  colorSpaceConversion: "none",
  premultiplyAlpha: "none",
} as const satisfies ImageBitmapOptions;

export async function decode(picture: Blob | ImageBitmap, crop?: Crop): Promise<Decoded> {
  if (picture instanceof ImageBitmap) return {...read(picture, crop), jpeg: false};
  const bitmap = await createImageBitmap(picture, AS_STORED);
  try {
    return {...read(bitmap, crop), jpeg: await isJpeg(picture)};
  } finally {
    bitmap.close();
  }
}

function read(bitmap: ImageBitmap, crop?: Crop): Omit<Decoded, "jpeg"> {
  const {width, height} = bitmap;
  const [left, right] = edges(crop?.x ?? 0, crop?.width ?? 1, width);
  const [upper, lower] = edges(crop?.y ?? 0, crop?.height ?? 1, height);
  if (left >= right || upper >= lower) throw new RangeError(`the crop lies outside of the picture, ${width} x ${height}`);
  const canvas = new OffscreenCanvas(right - left, lower - upper);
  const context = canvas.getContext("2d", {willReadFrequently: true});
  if (context === null) throw new Error("this browser gives no canvas to read pixels from");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, -left, -upper);
  const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
  return {pixels: {data, width: canvas.width, height: canvas.height, channels: 4}, width, height};
}

/** Each pixel of which a part is inside; a millionth of one is no part. */
function edges(start: number, length: number, extent: number): [number, number] {
  const first = Math.min(start * extent, extent);
  const last = Math.min((start + length) * extent, extent);
  return [Math.floor(first + 1e-6), Math.ceil(last - 1e-6)];
}

async function isJpeg(picture: Blob): Promise<boolean> {
  const [first, second] = new Uint8Array(await picture.slice(0, 2).arrayBuffer());
  return first === 0xff && second === 0xd8;
}

/** Whether a canvas gives back what was drawn: some browsers blur it, so that pages cannot recognise a machine. */
export async function readsTrue(): Promise<boolean> {
  const side = 16;
  const drawn = new ImageData(side, side);
  drawn.data.forEach((_, i) => (drawn.data[i] = i % 4 === 3 ? 255 : (i * 37) % 256));
  const bitmap = await createImageBitmap(drawn, AS_STORED);
  const {data} = read(bitmap).pixels;
  bitmap.close();
  return drawn.data.every((value, i) => data[i] === value);
}
