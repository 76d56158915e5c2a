/** What tests do on the page again and again. */

import {expect} from "vitest";
import type {Locator, Page} from "playwright-core";

import {drawnPicture} from "./pictures";

export const CARDS = ".grid:not(.skeleton, .stale) .card";

/** Wait until hits are there and nothing is being asked; their cards. */
export async function hits(page: Page): Promise<Locator> {
  await drawn(page);
  await page.locator("#results[aria-busy=false]").waitFor();
  const cards = page.locator(CARDS);
  await cards.first().waitFor({timeout: 60_000});
  return cards;
}

/** Wait until the page shows what it knows: what was just done may not be drawn yet. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** Search with a drawn picture by the file button. */
export async function searchWithPicture(page: Page, seed = 1): Promise<Locator> {
  return await searchWithFile(page, await drawnPicture(page, {seed}));
}

/** Search with a file by the file button, another than the one that is searched with. It takes a moment to be read before anything is asked. */
export async function searchWithFile(page: Page, buffer: Buffer): Promise<Locator> {
  const before = asked(page).get("picture");
  await chooseFile(page, buffer);
  await expectSoon(() => asked(page).get("picture"), (now) => expect([null, before]).not.toContain(now));
  return await hits(page);
}

/** Have vectors computed there, as somebody who comes back has chosen. */
export async function computeAt(page: Page, place: "auto" | "browser" | "server"): Promise<void> {
  await page.evaluate((chosen) => localStorage.setItem("lookalike.where", chosen), place);
  await page.reload();
}

/** The picture that is searched with, once it is drawn: what stands below it moves no more. */
export async function queryPicture(page: Page): Promise<Locator> {
  const picture = page.locator(".crop-stage img");
  await expectSoon(() => picture.evaluate((one) => (one as HTMLImageElement).complete && (one as HTMLImageElement).naturalWidth > 0), (there) => expect(there).toBe(true));
  await drawn(page);
  return page.locator(".crop-stage");
}

/** The service says from now on that a finer model may look again. */
export async function offerReranker(page: Page): Promise<void> {
  await page.route("**/v1/collections?*", async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as {data: {reranker: string | null}[]};
    for (const one of body.data) one.reranker = "reranked";
    await route.fulfill({response, json: body});
  });
}

export async function chooseFile(page: Page, buffer: Buffer, name = "drawn.jpg", mimeType = "image/jpeg"): Promise<void> {
  await page.locator("main input[type=file]").first().setInputFiles({name, mimeType, buffer});
}

/** Search from one of the collection's own pictures. */
export async function searchFromStored(page: Page, place = 0): Promise<Locator> {
  await page.locator(".beginnings .picture").nth(place).click();
  return await hits(page);
}

/** Drop a file or an address onto an element, as the system's file manager would. */
export async function drop(page: Page, target: string, what: {file: Buffer} | {text: string}, o: {release?: boolean} = {}): Promise<void> {
  const given = "file" in what ? {base64: what.file.toString("base64")} : what;
  const data = await page.evaluateHandle((brought) => {
    const transfer = new DataTransfer();
    if ("text" in brought) transfer.setData("text/uri-list", brought.text);
    else {
      const bytes = Uint8Array.from(atob(brought.base64), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], "dropped.jpg", {type: "image/jpeg"}));
    }
    return transfer;
  }, given);
  const place = page.locator(target).first();
  await place.dispatchEvent("dragenter", {dataTransfer: data});
  await place.dispatchEvent("dragover", {dataTransfer: data});
  if (o.release ?? true) await place.dispatchEvent("drop", {dataTransfer: data});
}

/** Drop files and folders of this machine, as its file manager does. */
export async function dropPaths(page: Page, target: string, paths: readonly string[]): Promise<void> {
  const box = (await page.locator(target).first().boundingBox())!;
  const at = {x: box.x + box.width / 2, y: box.y + Math.min(box.height / 2, 200)};
  const session = await page.context().newCDPSession(page);
  const data = {items: [], files: [...paths], dragOperationsMask: 1};
  for (const type of ["dragEnter", "dragOver", "drop"] as const) await session.send("Input.dispatchDragEvent", {type, ...at, data});
  await session.detach();
}

/** The ids of the hits, as they stand. */
export function idsOf(page: Page): Promise<string[]> {
  return page.locator(CARDS).evaluateAll((cards) => cards.map((card) => (card as HTMLElement).dataset["id"]!));
}

/** What stands in the address after the question mark. */
export function asked(page: Page): URLSearchParams {
  return new URL(page.url()).searchParams;
}

export async function expectSoon<T>(get: () => Promise<T> | T, check: (value: T) => void): Promise<void> {
  await expect.poll(async () => {
    try {
      check(await get());
      return "as expected";
    } catch (error) {
      return String(error);
    }
  }, {timeout: 30_000}).toBe("as expected");
}
