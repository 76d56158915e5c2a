/** What part of two pictures is seen, the same of both. Pure. */

/** `scale` 1 shows all; `x` and `y` are the place of the middle, in shares of the picture. */
export type View = {scale: number; x: number; y: number};

export const ALL: View = {scale: 1, x: 0.5, y: 0.5};
export const MOST_SCALE = 12;

/** Closer or further by a factor, around a point of the window (shares, the middle is 0.5, 0.5). */
export function zoomed(view: View, factor: number, at = {x: 0.5, y: 0.5}): View {
  const scale = Math.min(Math.max(view.scale * factor, 1), MOST_SCALE);
  const shift = 1 / view.scale - 1 / scale;
  return inside({scale, x: view.x + (at.x - 0.5) * shift, y: view.y + (at.y - 0.5) * shift});
}

/** Moved by shares of the window. */
export function panned(view: View, dx: number, dy: number): View {
  return inside({...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale});
}

function inside({scale, x, y}: View): View {
  const half = 0.5 / scale;
  const bounded = (value: number) => Math.min(Math.max(value, half), 1 - half);
  return {scale, x: bounded(x), y: bounded(y)};
}
