/** A device without a camera, a camera that may not be used, and browsers that lack something: said, with what to do, and the rest works. */

import type {Browser, Page} from "playwright-core";
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from "vitest";

import {photograph, SERVICE, startBrowser, TEXTS, type Visit, visit} from "./browser";
import {drop, expectSoon, hits, searchWithPicture} from "./doing";
import {openForEach} from "./opening";
import {drawnPicture} from "./pictures";

describe.each([
  {camera: "none", words: "noCamera", language: "en", size: "desktop"},
  {camera: "none", words: "noCamera", language: "zh", size: "phone"},
  {camera: "denied", words: "denied", language: "en", size: "phone"},
  {camera: "denied", words: "denied", language: "zh", size: "desktop"},
] as const)("where the camera is $camera, in $language at $size width, that is said", ({camera, words, language, size}) => {
  const t = TEXTS[language];
  let browser: Browser;
  let open: Visit;
  let page: Page;

  beforeAll(async () => {
    browser = await startBrowser({camera});
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    open = await visit(browser, {size, language});
    page = open.page;
    if (camera === "denied") await open.context.clearPermissions(); // and so the browser asks, and is answered
    await page.locator(".beginnings .picture").first().waitFor();
  });
  afterEach(async () => {
    expect(open.faults).toEqual([]);
    await open.context.close();
  });

  it("where a photo is to be taken, and a file can be chosen instead", async () => {
    await page.locator("main").getByRole("button", {name: t.empty.camera}).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(t.live[words]).waitFor();
    await photograph(page, `camera-${words}-${language}-${size}`);
    expect(await dialog.getByRole("button", {name: t.camera.shoot}).isDisabled()).toBe(true);
    await dialog.getByRole("button", {name: t.problem.retry}).click();
    await dialog.getByText(t.live[words]).waitFor();

    await dialog.locator("input[type=file]").setInputFiles({name: "a.jpg", mimeType: "image/jpeg", buffer: await drawnPicture(page)});
    await hits(page);
  });

  it("in the live panel, where nothing runs, and it can be tried again", async () => {
    await page.locator("header").getByRole("button", {name: t.bar.live}).click();
    await page.getByText(t.live[words]).waitFor();
    const retry = page.getByRole("dialog").getByRole("button", {name: t.problem.retry});
    await retry.waitFor();
    await photograph(page, `live-${words}-${language}-${size}`);
    expect(await page.getByText(t.live.waiting).count()).toBe(0);
    expect(await page.getByRole("button", {name: t.live.freeze}).isDisabled()).toBe(true);

    await retry.click();
    await page.getByText(t.live[words]).waitFor();
    await retry.waitFor();
    await page.keyboard.press("Escape");
    await searchWithPicture(page);
  });

});

describe("a browser without", () => {
  const t = TEXTS.en;
  let page: Page;

  openForEach({size: "desktop", language: "en"}, (open) => (page = open.page));

  it.each(["WebAssembly", "OffscreenCanvas", "createImageBitmap", "Worker", "indexedDB", "caches", "SharedArrayBuffer"])(
    "%s finds what looks alike, by whom it can, and adds pictures",
    async (feature) => {
      await page.addInitScript((name) => Object.defineProperty(globalThis, name, {value: undefined, configurable: true}), feature);
      await page.reload();
      await page.locator(".beginnings img").first().waitFor();
      await searchWithPicture(page, 21);
      await searchWithPicture(page, 22);
      await page.locator(".card img").first().waitFor();

      await page.getByRole("button", {name: t.bar.upload}).click();
      const buffer = await page.context().browser()!.newPage().then(async (other) => {
        const made = await drawnPicture(other, {seed: 23, width: 700});
        await other.close();
        return made;
      });
      await drop(page, ".drop-place", {file: buffer});
      await expectSoon(() => page.locator(".upload.kept, .upload.replaced, .upload.stored").count(), (count) => expect(count).toBe(1));
    },
  );

  it("crypto.subtle, as on a page that is not secure, keeps and finds pictures all the same", async () => {
    await page.addInitScript(() => Object.defineProperty(crypto, "subtle", {value: undefined}));
    await page.reload();
    await searchWithPicture(page, 24);
    await page.reload();
    await hits(page);
  });

  it("mediaDevices, as on a page that is not secure, says that no camera is lent there", async () => {
    await page.addInitScript(() => Object.defineProperty(navigator, "mediaDevices", {value: undefined}));
    await page.reload();
    await page.locator("header").getByRole("button", {name: t.bar.live}).click();

    await page.getByText(t.live.insecure).waitFor();
  });

  it("room in its storage goes on without it", async () => {
    await page.addInitScript(() => {
      for (const name of ["localStorage", "sessionStorage", "indexedDB", "caches"]) {
        Object.defineProperty(globalThis, name, {get: () => { throw new DOMException("denied", "SecurityError"); }});
      }
    });
    await page.goto(SERVICE);
    await searchWithPicture(page, 25);
    await page.locator(".theme").click();
    await searchWithPicture(page, 26);
  });
});
