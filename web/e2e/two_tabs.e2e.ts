/** The same page in another tab: what one forgets, the other does not keep. */

import type {Page} from "playwright-core";
import {expect, it} from "vitest";

import {SERVICE, TEXTS} from "./browser";
import {asked, hits, searchWithPicture} from "./doing";
import {openForEach} from "./opening";

let page: Page;
const t = TEXTS.en;

openForEach({size: "desktop", language: "en"}, (open) => (page = open.page));

it("pictures that one tab forgets are forgotten in the other, too", async () => {
  await searchWithPicture(page, 91);
  const address = page.url();
  const other = await page.context().newPage();
  await other.goto(SERVICE);
  await searchWithPicture(other, 92);
  await other.getByRole("button", {name: t.settings.forget}).click();
  await other.getByText(t.settings.forgotten).waitFor();

  await page.locator(".beginnings img").first().waitFor();
  expect(await page.locator(".crop-stage").count()).toBe(0);
  await page.goto(address);
  await page.locator(".note", {hasText: t.source.lost}).waitFor();
  await other.close();
  // And what is searched with from now on is kept again.
  await searchWithPicture(page, 93);
  await page.reload();
  await hits(page);
  expect(asked(page).has("picture")).toBe(true);
});
