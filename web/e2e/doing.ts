/** What tests do on the page again and again. */

import {expect} from "vitest";
import type {Locator, Page} from "playwright-core";

import {drawnPicture} from "./pictures";

export const CARDS = ".grid:not(.skeleton, .stale) .card";

/** Wait until hits are there and nothing is being asked; their cards. */
export async function hits(page: Page): Promise<Locator> {
  await page.locator("#results[aria-busy=false]").waitFor();
  const cards = page.locator(CARDS);
  await cards.first().waitFor({timeout: 30_000});
  return cards;
}

/** Search with a drawn picture by the file button. */
export async function searchWithPicture(page: Page, seed = 1): Promise<Locator> {
  const buffer = await drawnPicture(page, {seed});
  await chooseFile(page, buffer);
  return await hits(page);
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
  }, {timeout: 15_000}).toBe("as expected");
}
