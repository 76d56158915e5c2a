/** What the page says where something goes wrong, in both languages; and that in Chinese it says nothing in English. */

import type {Browser, Page} from "playwright-core";
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from "vitest";

import {codesEn} from "../page/src/i18n/codes.en";
import {codesZh} from "../page/src/i18n/codes.zh";
import {photograph, SERVICE, startBrowser, TEXTS, type Visit, visit} from "./browser";
import {chooseFile, computeAt, drawn, idsOf, queryPicture, searchFromStored} from "./doing";

const CODES = {en: codesEn.problems, zh: codesZh.problems};
type Code = keyof typeof codesEn.problems;

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

/** Up to the first value: what a page says whatever the value is. */
const beginning = (words: string) => words.split(/[[{]/)[0]!;

describe.each([
  {language: "en", size: "desktop"},
  {language: "zh", size: "phone"},
] as const)("in $language at $size width", ({language, size}) => {
  let open: Visit;
  let page: Page;
  const t = TEXTS[language];

  beforeEach(async () => {
    open = await visit(browser, {size, language});
    page = open.page;
    await page.locator(".beginnings .picture").first().waitFor();
  });
  afterEach(() => open.context.close());

  /** The words stand where the person looks, with what to do now. */
  async function expectWords(code: Code): Promise<void> {
    const [what, now] = CODES[language][code];
    await page.locator(".problem", {hasText: beginning(what)}).waitFor();
    expect(await page.locator(".problem").innerText()).toContain(beginning(now));
    await photograph(page, `words-${code}-${language}-${size}`);
  }

  it.each<[Code, string, string, string]>([
    ["empty", "", "empty.jpg", "image/jpeg"],
    ["not_an_image", "no JPEG at all", "broken.jpg", "image/jpeg"],
    ["unsupported_format", "<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.svg", "image/svg+xml"],
    ["truncated", "\x89PNG\r\n\x1a\n", "cut.png", "image/png"],
  ])("a picture that is %s is refused in words of its own", async (code, content, name, type) => {
    await computeAt(page, "server");
    await page.locator(".beginnings .picture").first().waitFor();

    await chooseFile(page, Buffer.from(content, "latin1"), name, type);

    await expectWords(code);
  });

  it.each<[Code, number, {[name: string]: unknown}]>([
    ["not_indexed", 404, {}],
    ["no_collection", 404, {name: "x"}],
    ["not_allowed", 403, {scope: "read"}],
    ["rate_limited", 429, {retry_after_s: 7, limit: 60}],
    ["overloaded", 503, {retry_after_s: 30}],
    ["too_large", 413, {limit_bytes: 50_000_000}],
    ["too_many_pixels", 422, {width: 30_000, height: 20_000, limit: 200_000_000}],
    ["url_timeout", 422, {limit_s: 20}],
    ["url_status", 422, {host: "pictures.example", status: 404}],
    ["fetch_refused", 422, {host: "inner.example"}],
    ["needs_extra", 422, {library: "pillow-heif", extra: "heic"}],
    ["storage_failed", 503, {retry_after_s: 30}],
  ])("%s is said in words of its own", async (code, status, values) => {
    await page.route("**/search", (route) =>
      route.fulfill({status, headers: {"Retry-After": "30"}, json: {code, values, detail: "said in English", request_id: "abc"}}),
    );

    await page.locator(".beginnings .picture").first().click();

    await expectWords(code);
    const shown = await page.locator(".problem").innerText();
    expect(shown).not.toContain("said in English");
    expect(shown).not.toMatch(/[{[]/);
  });

  it("a real address that is refused, and one that is none, are told apart", async () => {
    await page.goto(new URL(`/?lang=${language}&url=${encodeURIComponent("http://127.0.0.1:9/x.jpg")}`, page.url()).href);

    await expectWords("fetch_refused");
  });

  it("a page of a long scroll that fails leaves the hits and can be tried again", async () => {
    await page.route("**/search", async (route) => {
      const further = (route.request().postDataJSON() as {offset?: number}).offset;
      return further ? route.fulfill({status: 500, json: {code: "error", values: {}, detail: "said in English"}}) : route.fallback();
    });
    await searchFromStored(page);
    const before = await idsOf(page);

    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));

    await page.getByText(CODES[language].error[0]).first().waitFor();
    expect(await idsOf(page)).toEqual(before);
    expect(await page.locator("body").innerText()).not.toContain("said in English");
    await page.unroute("**/search");
    await page.getByRole("button", {name: t.problem.retry}).click();
    await page.locator(".card").nth(before.length).waitFor();
  });

  it("a picture among several is taken, and that is said", async () => {
    const picture = {name: "a.jpg", mimeType: "image/jpeg", buffer: Buffer.from("x")};
    await page.evaluate(() => document.querySelectorAll<HTMLInputElement>("main input[type=file]").forEach((input) => (input.multiple = true)));

    await page.locator("main input[type=file]").first().setInputFiles([picture, {...picture, name: "b.jpg"}]);

    await page.getByText(t.source.firstOf(2)).waitFor();
  });

  it("choosing more or less like one moves nothing under the finger", async () => {
    await searchFromStored(page);
    await queryPicture(page);
    const card = page.locator(".card").nth(1);
    await card.scrollIntoViewIfNeeded();
    const top = async () => (await card.boundingBox())!.y;
    const before = await top();
    await page.route("**/search", () => undefined); // what comes back may have its own order; pressing may not

    await card.getByRole("button", {name: t.mix.more}).click();
    await page.locator(".chip").first().waitFor();
    await drawn(page);

    expect(Math.abs((await top()) - before)).toBeLessThan(2);
  });
});

describe("in Chinese", () => {
  const ALLOWED =
    /Lookalike|JPEG|PNG|WebP|GIF|BMP|TIFF|AVIF|HEIC|JSON|API|URL|WASM|WebGPU|Ctrl|Shift|Esc|English|https?:\/\/|lookalike (serve|index)|\bC\b|\bV\b|\bMB\b|\bKB\b|\bms\b|ID/g;

  it("the main states hold no English", async () => {
    const {page, context} = await visit(browser, {size: "desktop", language: "zh"});
    const names = [...(await namesOf(page)), "nowhere", "broken.jpg"].sort((one, other) => other.length - one.length);
    const found: string[] = [];
    const look = async (state: string) => {
      await photograph(page, `chinese-${state}`);
      const texts = await page.evaluate(() => {
        // Names of pictures, of collections and of models are whatever somebody has called them.
        const own = ".card-name, select, option, .address, .file-name, code, .facts [title], .upload-name, .logo";
        const seen: string[] = [document.title];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          const element = node instanceof Element ? node : node.parentElement!;
          if (element.closest(own) || /^(SCRIPT|STYLE|NOSCRIPT)$/.test(element.tagName) || element.closest("noscript")) continue;
          if (!(node instanceof Element)) seen.push(node.textContent!);
          else if (!element.closest(".card")) for (const name of ["aria-label", "title", "placeholder", "alt"]) seen.push(element.getAttribute(name) ?? "");
        }
        return seen;
      });
      for (const text of texts) {
        const left = names.reduce((rest, name) => rest.replaceAll(name, ""), text).replace(ALLOWED, "").replace(/\{.*\}/g, "");
        if (/[A-Za-z]{2,}/.test(left)) found.push(`${state}: ${text}`);
      }
    };
    const t = TEXTS.zh;
    await page.locator(".beginnings .picture").first().waitFor();
    await look("start");
    expect(await page.locator("html").getAttribute("lang")).toBe("zh-CN");
    await searchFromStored(page);
    await look("results");
    await page.locator("button[aria-controls=filter]").click();
    await look("filter");
    await page.getByRole("button", {name: t.bar.upload}).click();
    await page.locator(".drop-place").waitFor();
    await look("upload");
    await page.keyboard.press("Escape");
    await page.evaluate(() => localStorage.setItem("lookalike.where", "server"));
    await page.goto(new URL("/?lang=zh", page.url()).href);
    await page.locator(".beginnings .picture").first().waitFor();
    await chooseFile(page, Buffer.from("no JPEG at all"), "broken.jpg", "image/jpeg");
    await page.locator(".problem").waitFor();
    await look("problem");
    await page.route("**/search", (route) => route.abort());
    await page.goto(new URL("/?lang=zh", page.url()).href);
    await page.locator(".beginnings .picture").first().click();
    await page.locator(".problem").waitFor();
    await look("away");
    await page.goto(new URL("/?lang=zh&c=nowhere", page.url()).href);
    await page.locator(".problem").waitFor();
    await look("no-collection");

    expect(found).toEqual([]);
    await context.close();
  });

  type Listed<T> = {data: T[]; next_cursor: string | null};

  /** What somebody has called the collections and their pictures. */
  async function namesOf(page: Page): Promise<string[]> {
    const names: string[] = [];
    const get = async <T>(path: string) => (await (await page.request.get(SERVICE + path)).json()) as Listed<T>;
    for (const {name} of (await get<{name: string}>("/v1/collections")).data) {
      names.push(name);
      let cursor: string | null = "";
      while (cursor !== null) {
        const reply: Listed<{name: string}> = await get(`/v1/collections/${name}/images?limit=100${cursor && `&cursor=${cursor}`}`);
        names.push(...reply.data.map((one) => one.name));
        cursor = reply.next_cursor;
      }
    }
    return names.filter((name) => name !== "");
  }
});
