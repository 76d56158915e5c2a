/** Pictures to search with: drawn in the browser, so that none need be kept. */

import type {Page} from "playwright-core";

/** A JPEG of coloured shapes; another `seed` draws another. `grain`: with noise, so that it is as heavy as a photo. */
export async function drawnPicture(page: Page, o: {width?: number; height?: number; seed?: number; grain?: boolean} = {}): Promise<Buffer> {
  const base64 = await page.evaluate(
    ({width, height, seed, grain}) => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [width, height];
      const pen = canvas.getContext("2d")!;
      const sky = pen.createLinearGradient(0, 0, 0, height);
      sky.addColorStop(0, `hsl(${(seed * 47) % 360} 70% 60%)`);
      sky.addColorStop(1, `hsl(${(seed * 47 + 60) % 360} 80% 75%)`);
      pen.fillStyle = sky;
      pen.fillRect(0, 0, width, height);
      for (let i = 0; i < 9; i++) {
        pen.fillStyle = `hsl(${(seed * 91 + i * 40) % 360} 65% ${35 + i * 5}%)`;
        pen.beginPath();
        pen.arc(width * ((i * 0.37 + seed * 0.13) % 1), height * ((i * 0.23 + 0.4) % 1), (20 + i * 9) * (width / 640), 0, 7);
        pen.fill();
      }
      if (grain) {
        const tile = pen.createImageData(256, 256);
        tile.data.forEach((_, i) => (tile.data[i] = i % 4 === 3 ? 40 : (i * 7919 * (i % 251)) % 256));
        const small = new OffscreenCanvas(256, 256);
        small.getContext("2d")!.putImageData(tile, 0, 0);
        pen.fillStyle = pen.createPattern(small, "repeat")!;
        pen.fillRect(0, 0, width, height);
      }
      return canvas.toDataURL("image/jpeg", 0.9).split(",")[1]!;
    },
    {width: o.width ?? 640, height: o.height ?? 480, seed: o.seed ?? 1, grain: o.grain ?? false},
  );
  return Buffer.from(base64, "base64");
}
