/**
 * Each main state of the page, in both languages and themes: axe finds nothing serious; and at every width nothing overflows, no
 * button's words wrap, nothing is cut off.
 */

import type {Browser, Page} from "playwright-core";
import {afterAll, beforeAll, describe, expect, it} from "vitest";

import {codesEn} from "../page/src/i18n/codes.en";
import {codesZh} from "../page/src/i18n/codes.zh";
import {photograph, seriousFindings, SETTINGS, SIZES, startBrowser, TEXTS, type Visit, visit} from "./browser";
import {chooseFile, computeAt, drawn, hits, searchFromStored, searchWithPicture} from "./doing";
import {flaws} from "./flaws";

const LONG_NAME = `IMG_20260517_${"a_name_without_any_spaces_".repeat(7)}0001.jpg`;
const WIDTHS = [320, 375, 768, 1280, 1920];

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

describe.each(SETTINGS)("$size, $language, $theme", (setting) => {
  const t = TEXTS[setting.language];
  let open: Visit;
  let page: Page;

  beforeAll(async () => {
    open = await visit(browser, setting);
    page = open.page;
  });
  afterAll(() => open.context.close());

  async function expectSound(name: string): Promise<void> {
    await page.waitForTimeout(400); // for transitions, which a screenshot would catch half-way
    await photograph(page, `${setting.size}-${setting.language}-${setting.theme}-${name}`);
    expect(await seriousFindings(page)).toEqual([]);
    const {width, height} = page.viewportSize()!;
    for (const other of WIDTHS) {
      await page.setViewportSize({width: other, height});
      await drawn(page);
      expect(await page.evaluate(flaws), `${name}, ${other} pixels wide`).toEqual([]);
    }
    await page.setViewportSize({width, height});
  }

  it("invites, before anything is asked", async () => {
    await page.getByRole("heading", {name: t.empty.heading}).waitFor();
    await page.locator(".beginnings img").nth(2).waitFor();

    await page.getByText(setting.size === "phone" ? t.empty.invitationTouch : t.empty.invitation).waitFor();
    expect(await page.locator("html").getAttribute("lang")).toBe(setting.language === "zh" ? "zh-CN" : "en");
    await expectSound("empty");
    for (const width of WIDTHS) {
      await page.setViewportSize({width, height: 800});
      await drawn(page);
      const tops = await page.locator(".beginnings li").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
      const rows = [...new Set(tops)].map((top) => tops.filter((one) => one === top).length);
      expect(new Set(rows).size, `rows of ${rows.join()} at ${width} pixels`).toBe(1);
    }
    await page.setViewportSize(SIZES[setting.size]);
  });

  it("says of a collection that cannot be opened why, and what to do, where it is chosen", async () => {
    await page.locator("header .chooser select").first().selectOption({label: t.lacking.inList("damaged")});
    const told = page.locator(".problem");
    await told.getByRole("heading", {name: t.lacking.notOpened("damaged")}).waitFor();

    const [what] = (setting.language === "zh" ? codesZh : codesEn).problems.catalog_damaged;
    expect(await told.innerText()).toContain(what);
    expect(await told.innerText()).toContain(t.lacking.mend);
    expect(await page.getByText(t.empty.noCollections).count()).toBe(0);
    await expectSound("damaged-collection");
    await told.getByRole("button", {name: "demo"}).click();
    await page.locator(".beginnings img").nth(2).waitFor();
    expect(await told.count()).toBe(0);
  });

  it("asks for an address", async () => {
    await page.getByRole("button", {name: t.empty.url}).click();
    await page.getByLabel(t.source.url).fill("not an address");
    await page.getByRole("button", {name: t.source.urlSearch, exact: true}).click();

    await page.getByText({en: codesEn, zh: codesZh}[setting.language].problems.no_address[0]).waitFor();
    await expectSound("address");
    await page.getByRole("button", {name: t.close}).click();
  });

  it("shows what it found, and how", async () => {
    await searchWithPicture(page, 3);
    await page.locator(".card img").nth(3).waitFor();
    await expectSound("results");
    const status = page.locator("details.status");
    if (!(await status.getAttribute("open").then((open) => open !== null))) await status.locator("summary").click();
    await status.scrollIntoViewIfNeeded();

    await page.getByText(t.status.stages).waitFor();
    await expectSound("status");
  });

  it("mixes pictures in", async () => {
    await page.evaluate(() => scrollTo(0, 0));
    const cards = await hits(page);
    await cards.nth(0).hover();
    await cards.nth(0).getByRole("button", {name: t.mix.more}).click();
    await hits(page);
    await cards.nth(5).hover();
    await cards.nth(5).getByRole("button", {name: t.mix.less}).click();
    await hits(page);

    expect(await page.locator(".chip").count()).toBe(2);
    await page.locator(".chip").first().scrollIntoViewIfNeeded();
    await expectSound("mixture");
    await page.getByRole("button", {name: t.mix.clear}).click();
    await hits(page);
  });

  it("builds a filter", async () => {
    await page.getByRole("button", {name: t.filter.heading}).click();
    await page.getByLabel(t.filter.field, {exact: true}).fill("width");
    await page.getByLabel(t.filter.operator, {exact: true}).selectOption("gte");
    await page.getByLabel(t.filter.value, {exact: true}).fill("100");
    await page.getByRole("button", {name: t.filter.apply}).click();
    await hits(page);

    await expectSound("filter");
    await page.getByRole("button", {name: t.filter.clear}).click();
    await page.getByRole("button", {name: t.filter.heading}).click();
    await hits(page);
  });

  it("compares two", async () => {
    const cards = await hits(page);
    await cards.nth(0).hover();
    await cards.nth(0).getByRole("button", {name: t.card.compare}).click();
    await page.locator(".tray").waitFor();
    await expectSound("tray");
    await page.getByRole("button", {name: t.compare.withQuery}).click();
    await page.locator(".pane img").nth(1).waitFor();

    await expectSound("compare");
    await page.keyboard.press("Escape");
  });

  it("adds pictures", async () => {
    await page.getByRole("button", {name: t.bar.upload}).click();
    await page.getByText(setting.size === "phone" ? t.upload.dropTouch : t.upload.drop, {exact: true}).waitFor();

    await page.locator(".drop-place input[type=file]").setInputFiles([
      {name: LONG_NAME, mimeType: "image/jpeg", buffer: Buffer.from("no JPEG at all")},
      {name: "empty.jpg", mimeType: "image/jpeg", buffer: Buffer.alloc(0)},
      {name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture")},
    ]);
    await page.getByText(t.upload.othersPassedOver).waitFor();
    await page.locator(".upload.failed").nth(1).waitFor();
    await expectSound("upload");
    await page.getByRole("button", {name: t.upload.clear}).click();
    await page.getByRole("button", {name: t.close}).click();
  });

  it("offers what would need the picture itself", async () => {
    await page.route("**/v1/models/*/file", (route) => route.abort());
    await computeAt(page, "browser");
    await chooseFile(page, Buffer.from("no picture that a browser shows"), "photo.heic", "image/heic");
    await page.getByRole("button", {name: t.offer.send}).waitFor();

    await expectSound("offer");
    await page.unroute("**/v1/models/*/file");
    await computeAt(page, "auto");
  });

  it("bears names as long as they come", async () => {
    await page.route("**/search", async (route) => {
      const response = await route.fetch();
      if (!response.ok()) return route.fulfill({response});
      const body = (await response.json()) as {hits: object[]};
      const long = {name: LONG_NAME, metadata: {[LONG_NAME]: LONG_NAME}, copies: 2, provisional: true};
      await route.fulfill({response, json: {...body, hits: body.hits.map((hit) => ({...hit, ...long})), nothing_like_it: true}});
    });
    await page.locator(".brand").click();
    await searchFromStored(page);
    await expectSound("long-names");
    for (const place of [0, 1]) {
      const card = page.locator(".card").nth(place);
      await card.hover();
      await card.getByRole("button", {name: t.card.compare}).click();
    }
    await page.locator(".pane img").nth(1).waitFor();

    await expectSound("long-names-compared");
    await page.keyboard.press("Escape");
    await page.unroute("**/search");
  });

  it("looks through the camera", async () => {
    await page.locator("header").getByRole("button", {name: t.bar.live}).click();
    await page.locator(".live-hits img").nth(2).waitFor({timeout: 30_000});

    await expectSound("live");
    await page.getByRole("button", {name: t.close}).click();
  });

  it("says what to do where the service is away", async () => {
    await page.route("**/v1/collections/*/search", (route) => route.abort());
    await page.locator(".brand").click();
    await page.locator(".beginnings .picture").first().click();

    await page.getByText((setting.language === "zh" ? codesZh : codesEn).problems.unreachable[0]).waitFor();
    await expectSound("problem");
    await page.unroute("**/v1/collections/*/search");
    await page.getByRole("button", {name: t.problem.retry}).click();
    await hits(page);
  });

  it("asks who asks", async () => {
    await page.route("**/v1/session", (route) => route.fulfill({status: 401, json: {code: "not_authenticated", detail: "no"}}));
    await page.reload();

    await page.getByText(t.credential.explain).waitFor();
    await expectSound("credential");
  });

  it("broke nothing on the way", async () => {
    await page.unroute("**/v1/session");
    await page.goto(new URL("/", page.url()).href);
    await searchFromStored(page);

    expect(open.faults).toEqual([]);
  });
});
