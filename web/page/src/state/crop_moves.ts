/** How a crop moves and grows. Pure; all in shares of the picture. */

import type {Crop} from "./question";

export const WHOLE: Crop = {x: 0, y: 0, width: 1, height: 1};
export const LEAST = 0.04;
export const FIRST: Crop = {x: 0.15, y: 0.15, width: 0.7, height: 0.7};

export type Corner = "nw" | "ne" | "sw" | "se";
export type Point = {x: number; y: number};

/** Moved by shares, kept inside. */
export function moved(crop: Crop, dx: number, dy: number): Crop {
  return {...crop, x: clamp(crop.x + dx, 0, 1 - crop.width), y: clamp(crop.y + dy, 0, 1 - crop.height)};
}

/** Grown to the right and below by shares, kept inside and not too small. */
export function grown(crop: Crop, dx: number, dy: number): Crop {
  return {
    ...crop,
    width: clamp(crop.width + dx, LEAST, 1 - crop.x),
    height: clamp(crop.height + dy, LEAST, 1 - crop.y),
  };
}

/** The crop between two points. */
export function between(one: Point, other: Point): Crop {
  const left = clamp(Math.min(one.x, other.x), 0, 1 - LEAST);
  const top = clamp(Math.min(one.y, other.y), 0, 1 - LEAST);
  const right = clamp(Math.max(one.x, other.x), left + LEAST, 1);
  const bottom = clamp(Math.max(one.y, other.y), top + LEAST, 1);
  return {x: left, y: top, width: right - left, height: bottom - top};
}

/** The corner that stays where it is while `corner` is drawn. */
export function opposite(crop: Crop, corner: Corner): Point {
  return {
    x: corner.endsWith("w") ? crop.x + crop.width : crop.x,
    y: corner.startsWith("n") ? crop.y + crop.height : crop.y,
  };
}

/** Null where it is all of the picture, or as good as all; rounded to what the address carries. */
export function settled(crop: Crop): Crop | null {
  if (crop.width > 0.985 && crop.height > 0.985) return null;
  const [x, y] = [rounded(crop.x), rounded(crop.y)];
  return {x, y, width: Math.min(rounded(crop.width), rounded(1 - x)), height: Math.min(rounded(crop.height), rounded(1 - y))};
}

function rounded(share: number): number {
  return Number(share.toFixed(4));
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
