/** Pictures to search with: drawn in the browser, so that none need be kept. */

import type {Page} from "playwright-core";

/** A JPEG of coloured shapes; another `seed` draws another. */
export async function drawnPicture(page: Page, o: {width?: number; height?: number; seed?: number} = {}): Promise<Buffer> {
  const base64 = await page.evaluate(
    ({width, height, seed}) => {
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
      return canvas.toDataURL("image/jpeg", 0.9).split(",")[1]!;
    },
    {width: o.width ?? 640, height: o.height ?? 480, seed: o.seed ?? 1},
  );
  return Buffer.from(base64, "base64");
}
