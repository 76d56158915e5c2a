/** What belongs to one collection stays its own while another one is on the page. */

import type {Page} from "playwright-core";
import {afterEach, beforeEach, describe, expect, it} from "vitest";

import {SERVICE, TEXTS} from "./browser";
import {asked, drop, expectSoon, hits, searchWithPicture} from "./doing";
import {openForEach} from "./opening";
import {drawnPicture} from "./pictures";

const OTHER = "other-two";

let page: Page;
const t = TEXTS.en;

openForEach({size: "desktop", language: "en"}, (open) => (page = open.page));

/** A collection with one picture of its own. */
beforeEach(async () => {
  const path = `${SERVICE}/v1/collections/${OTHER}`;
  await page.request.put(path);
  const buffer = await drawnPicture(page, {seed: 77, width: 333});
  expect((await page.request.post(`${path}/images`, {multipart: {image: {name: "alone.jpg", mimeType: "image/jpeg", buffer}}})).ok()).toBe(true);
  await page.reload();
  await page.locator(".beginnings img").first().waitFor();
});
afterEach(async () => void (await page.request.delete(`${SERVICE}/v1/collections/${OTHER}`)));

const chooser = () => page.locator("header").getByLabel(t.bar.collection);
const turnTo = (name: string) => chooser().selectOption(name);

describe("while another collection is on the page", () => {
  it("an uploaded picture is found in the one that it was added to", async () => {
    const first = await chooser().inputValue();
    await page.getByRole("button", {name: t.bar.upload}).click();
    await drop(page, ".drop-place", {file: await drawnPicture(page, {seed: 78, width: 444})});
    await page.locator(".upload.kept, .upload.replaced, .upload.stored").waitFor();
    await page.keyboard.press("Escape");
    await turnTo(OTHER);
    await page.getByRole("button", {name: t.bar.upload}).click();

    await page.getByRole("button", {name: t.upload.find}).click();

    await hits(page);
    expect(asked(page).get("c")).toBe(first);
    expect(await page.locator(".problem").count()).toBe(0);
    await page.request.post(`${SERVICE}/v1/collections/${first}/images/delete`, {data: {ids: [asked(page).get("id")]}});
  });

  it("a picture that was chosen to be compared is still to be seen beside one of the other", async () => {
    await searchWithPicture(page, 79);
    await page.locator(".card").first().hover();
    await page.locator(".card").first().getByRole("button", {name: t.card.compare}).click();
    await turnTo(OTHER);
    await expectSoon(() => page.locator(".card").count(), (count) => expect(count).toBe(1));
    await page.locator(".tray img").waitFor();
    await page.locator(".card").first().hover();
    await page.locator(".card").first().getByRole("button", {name: t.card.compare}).click();

    await page.locator(".pane img").nth(1).waitFor();
    await expectSoon(
      () => page.locator(".pane img").evaluateAll((images) => images.map((image) => (image as HTMLImageElement).naturalWidth > 0)),
      (shown) => expect(shown).toEqual([true, true]),
    );
  });
});
