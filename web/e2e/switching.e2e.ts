/** The language that is chosen midway: it stays, whatever was on the page before, and says all of it. */

import type {Page} from "playwright-core";
import {describe, expect, it} from "vitest";

import {codesEn} from "../page/src/i18n/codes.en";
import {codesZh} from "../page/src/i18n/codes.zh";
import {TEXTS} from "./browser";
import {asked, chooseFile, computeAt, dropPaths, expectSoon, hits, searchFromStored} from "./doing";
import {openForEach} from "./opening";

let page: Page;
const {en, zh} = TEXTS;

openForEach({size: "desktop", language: "en"}, (open) => (page = open.page));

const speakChinese = () => page.getByLabel(en.bar.language).selectOption("zh");

describe("a language that is chosen midway", () => {
  it("stays on the way back, forward and over a reload", async () => {
    await searchFromStored(page, 0);
    await page.getByLabel(en.results.perPage).selectOption("12");
    await speakChinese();
    await page.getByRole("heading", {name: zh.results.heading, exact: true}).waitFor();

    await page.goBack();
    await expectSoon(() => asked(page).get("k"), (k) => expect(k).toBeNull());
    await page.getByRole("heading", {name: zh.results.heading, exact: true}).waitFor();
    await page.goBack();
    await page.getByRole("heading", {name: zh.empty.heading}).waitFor();
    await page.reload();
    await page.getByRole("heading", {name: zh.empty.heading}).waitFor();
    await page.goForward();
    await page.getByRole("heading", {name: zh.results.heading, exact: true}).waitFor();
  });

  it("is that of what the page had refused", async () => {
    await dropPaths(page, "main", [process.env["PICTURES"]!]);
    await page.locator(".problem", {hasText: codesEn.problems.folder[0]}).waitFor();

    await speakChinese();

    await page.locator(".problem", {hasText: codesZh.problems.folder[0]}).waitFor();
  });

  it("is that of why this browser could not work out a vector, where it is offered to send the picture", async () => {
    await page.route("**/v1/models/*/file", (route) => route.fulfill({status: 404, json: {code: "not_found", detail: "no model"}}));
    await computeAt(page, "browser");
    await chooseFile(page, Buffer.from("no picture that a browser shows"), "photo.heic", "image/heic");
    await page.locator(".offer", {hasText: codesEn.problems.not_found[0]}).waitFor();

    await speakChinese();

    await page.locator(".offer", {hasText: codesZh.problems.not_found[0]}).waitFor();
  });

  it("is that of why the service stepped in", async () => {
    await page.evaluate(() => localStorage.setItem("lookalike.where", "browser"));
    await page.reload();
    await page.route("**/search", async (route) => route.fulfill({json: await answerOfStored()}));
    await chooseFile(page, Buffer.from("no picture that a browser shows"), "photo.heic", "image/heic");
    await page.getByRole("button", {name: en.offer.send}).click();
    await hits(page);
    await page.locator(".facts", {hasText: codesEn.whys.undecodable}).waitFor();

    await speakChinese();

    await page.locator(".facts", {hasText: codesZh.whys.undecodable}).waitFor();
  });
});

async function answerOfStored(): Promise<unknown> {
  const origin = new URL(page.url()).origin;
  const {data} = (await (await page.request.get(`${origin}/v1/collections`)).json()) as {data: {name: string}[]};
  const path = `${origin}/v1/collections/${data[0]!.name}`;
  const images = (await (await page.request.get(`${path}/images?limit=1`)).json()) as {data: {id: string}[]};
  return await (await page.request.post(`${path}/search`, {data: {id: images.data[0]!.id, k: 24}})).json();
}
