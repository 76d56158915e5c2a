/** What stands beside the search: uploads, the live camera, where vectors are computed, who asks, language and theme. */

import {mkdir, mkdtemp, rm, writeFile} from "node:fs/promises";
import {tmpdir} from "node:os";
import {join} from "node:path";

import type {Page} from "playwright-core";
import {describe, expect, it} from "vitest";

import {codesEn} from "../page/src/i18n/codes.en";
import {TEXTS} from "./browser";
import {asked, drop, dropPaths, expectSoon, hits, offerReranker, searchFromStored, searchWithPicture} from "./doing";
import {openForEach} from "./opening";
import {drawnPicture} from "./pictures";

let page: Page;
const t = TEXTS.en;

openForEach({size: "desktop", language: "en"}, (open) => (page = open.page));

describe("an upload", () => {
  it("of several pictures tells how each stands, until it is verified and can be found", async () => {
    const seed = Date.now() % 100_000;
    const files = await Promise.all([0, 1].map((one) => drawnPicture(page, {seed: seed + one, width: 500 + one})));
    await page.getByRole("button", {name: t.bar.upload}).click();

    await page.locator(".drop-place input[type=file]").setInputFiles(
      files.map((buffer, one) => ({name: `upload-${one}.jpg`, mimeType: "image/jpeg", buffer})),
    );

    await expectSoon(() => page.locator(".upload.kept, .upload.replaced, .upload.stored").count(), (count) => expect(count).toBe(2));
    await page.getByRole("button", {name: t.upload.find}).first().click();
    await hits(page);
    const id = asked(page).get("id")!;
    await page.getByRole("button", {name: t.own.show}).click();
    await expectSoon(() => page.locator(".card").first().getAttribute("data-id"), (first) => expect(first).toBe(id));
    expect(await page.locator(".card .picture").first().getAttribute("aria-label")).toMatch(/upload-[01]\.jpg/);
    const {pathname} = new URL(await page.evaluate(() => performance.getEntriesByType("resource").map((one) => one.name).find((one) => one.endsWith("/search"))!));
    await page.request.post(`${pathname.replace("/search", "/images/delete")}`.replace(/^/, new URL(page.url()).origin), {data: {ids: [id]}});
  });

  it("is dropped on the panel, and what is no picture is turned away", async () => {
    await page.getByRole("button", {name: t.bar.upload}).click();

    await drop(page, ".drop-place", {file: Buffer.from("not a JPEG")});

    await expectSoon(() => page.locator(".upload.failed, .upload.quarantined").count(), (count) => expect(count).toBe(1));
    expect(asked(page).has("picture")).toBe(false);
  });

  it("of a folder takes the pictures in it, also in folders below it, and passes over what is none", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lookalike-dropped-"));
    await mkdir(join(folder, "below", "further"), {recursive: true});
    for (const [place, name] of ["one.jpg", "below/two.jpg", "below/further/three.jpg"].entries()) {
      await writeFile(join(folder, name), await drawnPicture(page, {seed: 40 + place, width: 520}));
    }
    await writeFile(join(folder, "below", "notes.txt"), "no picture");
    await page.getByRole("button", {name: t.bar.upload}).click();

    await dropPaths(page, ".drop-place", [folder]);

    await expectSoon(() => page.locator(".upload-name").allInnerTexts(), (names) => expect(names.sort()).toEqual(["one.jpg", "three.jpg", "two.jpg"]));
    await page.getByText(t.upload.othersPassedOver).waitFor();
    await expectSoon(() => page.locator(".upload.kept, .upload.replaced, .upload.stored").count(), (count) => expect(count).toBe(3));
    await rm(folder, {recursive: true});
  });

  it("that fails can be tried again", async () => {
    await page.route("**/uploads", (route) => route.fulfill({status: 507, json: {code: "storage_failed", detail: "no room", values: {retry_after_s: 1}}}));
    await page.getByRole("button", {name: t.bar.upload}).click();
    await page.locator(".drop-place input[type=file]").setInputFiles({name: "a.jpg", mimeType: "image/jpeg", buffer: await drawnPicture(page)});
    await page.getByText(codesEn.problems.storage_failed[0]).waitFor();
    await page.unroute("**/uploads");

    await page.getByRole("button", {name: t.upload.retry}).click();

    await expectSoon(() => page.locator(".upload.kept, .upload.replaced, .upload.stored").count(), (count) => expect(count).toBe(1));
  });
});

describe("the live camera", () => {
  it.each(["browser", "server"])("shows what looks like what it sees, with vectors by the %s, until it is stopped", async (place) => {
    await page.locator("header").getByRole("button", {name: t.bar.live}).click();
    await page.locator(`input[name=where-live][value=${place}]`).check();
    await page.getByLabel(t.live.fps).selectOption("10");
    const shown = (name: string) => page.locator(".figures div", {hasText: name}).locator("dd").innerText();
    const figure = async (name: string) => Number((await shown(name)).replace(/\D/g, "")); // a thousand has a sign in it

    await expectSoon(() => figure(t.live.answered), (count) => expect(count).toBeGreaterThan(3));
    await page.locator(".live-hits img").first().waitFor();
    const words = place === "browser" ? t.status.whereBrowser : t.status.whereServer;
    await page.locator(".live-controls [role=status]", {hasText: `${t.status.where}: ${words}`}).waitFor();
    expect(await shown(t.live.dropped)).toMatch(/^\d/);
    await page.getByRole("button", {name: t.live.stop}).click();

    await expectSoon(() => page.locator("video").evaluate((video) => (video as HTMLVideoElement).srcObject), (stream) => expect(stream).toBeNull());
    await page.getByRole("button", {name: t.live.start}).waitFor();
  });

  it.each([
    [390, 844, "en", 1],
    [320, 568, "en", 1],
    [320, 568, "en", 1.4],
    [320, 568, "zh", 1],
  ] as const)("shows its hits beside the picture on a phone without scrolling, %s x %s, %s, letters of %s times the size, like it or not", async (width, height, language, letters) => {
    let likeNothing = false;
    await page.routeWebSocket(/stream/, (here) => {
      const there = here.connectToServer();
      there.onMessage((message) => {
        const said = JSON.parse(message.toString()) as {type: string};
        here.send(JSON.stringify(said.type === "hits" ? {...said, nothing_like_it: likeNothing} : said));
      });
    });
    await page.setViewportSize({width, height});
    await page.getByLabel(t.bar.language).selectOption(language);
    await page.evaluate((times) => (document.documentElement.style.fontSize = `${times * 100}%`), letters);
    await page.locator("header").getByRole("button", {name: TEXTS[language].bar.live}).click();
    await page.locator(".live-hits img").nth(5).waitFor();

    const places = () =>
      page.evaluate(() => [".viewfinder", ".live-hits li:nth-child(6)"].map((one) => document.querySelector(one)!.getBoundingClientRect()).map(({top, bottom, height}) => ({top, bottom, height})));
    const before = await places();
    expect(before[0]!.height).toBeGreaterThan(70);
    expect(before[1]!.top).toBeGreaterThanOrEqual(before[0]!.bottom);
    expect(before[1]!.bottom).toBeLessThanOrEqual(height);
    likeNothing = true;
    await page.getByText(TEXTS[language].results.nothingLikeIt).waitFor();
    expect(await places()).toEqual(before);
  });

  it("stops when it is closed, and a frame can be searched with", async () => {
    await page.locator("header").getByRole("button", {name: t.bar.live}).click();
    await page.locator(".live-hits img").first().waitFor();

    await page.getByRole("button", {name: t.live.freeze}).click();

    await hits(page);
    expect(asked(page).has("picture")).toBe(true);
    expect(await page.locator("video").count()).toBe(0);
  });
});

describe("where the vector is computed", () => {
  const bodies = () => {
    const kinds: string[] = [];
    page.on("request", (request) => {
      if (request.url().endsWith("/search")) kinds.push(request.headers()["content-type"]!.split(";")[0]!);
    });
    return kinds;
  };

  it("in the browser no picture is sent, and the panel says which way and how long each stage took", async () => {
    const kinds = bodies();
    await page.evaluate(() => (localStorage.setItem("lookalike.tiered", "no"), localStorage.setItem("lookalike.where", "browser")));
    await page.reload();
    await searchWithPicture(page);

    expect(kinds).toEqual(["application/json"]);
    for (const words of [t.status.whereBrowser, t.status.stage.run, t.status.stage.decode, t.status.isExact]) await page.locator(".status", {hasText: words}).waitFor();
  });

  it("by the service the picture is sent", async () => {
    const kinds = bodies();
    await page.locator("input[name=where-first][value=browser]").check();
    await searchWithPicture(page, 2);
    expect(kinds).not.toContain("multipart/form-data");
    kinds.length = 0;

    await page.locator("input[name=where][value=server]").check();
    await expectSoon(() => kinds[0], (kind) => expect(kind).toBe("multipart/form-data"));
    await hits(page);
    await page.locator(".status", {hasText: t.status.whereServer}).waitFor();
  });

  it("the service steps in where the browser cannot, and the panel says why", async () => {
    await page.route("**/v1/models/*/file", (route) => route.fulfill({status: 404, json: {code: "not_found", detail: "no model"}}));
    await page.evaluate(async () => {
      for (const name of await caches.keys()) await caches.delete(name);
      for (const {name} of await indexedDB.databases()) if (name) indexedDB.deleteDatabase(name);
    });
    await page.reload();
    await searchWithPicture(page, 4);
    await page.locator(".status", {hasText: t.settings.meanwhile}).waitFor();
    await searchWithPicture(page, 5);

    await page.locator(".status", {hasText: t.status.whereServer}).waitFor();
  });
});

describe("reranking where unsure", () => {
  it.each([
    [false, t.status.rerankDone, true],
    [true, t.status.rerankFirst, false],
  ])("where the first answer is sure: %s, says so and asks or spares the finer model", async (sure, words, asks) => {
    let rerankerAsked = false;
    await offerReranker(page);
    await page.route("**/search", async (route) => {
      const request = route.request();
      if (request.postData()?.includes('"rerank"')) {
        rerankerAsked = true;
        const plain = await page.request.post(request.url(), {data: {id: firstId, k: 24}});
        return route.fulfill({response: plain});
      }
      const response = await route.fetch();
      return route.fulfill({response, json: {...(await response.json()), sure}});
    });
    await searchFromStoredToLearnAnId();
    await page.goto(new URL("/", page.url()).href);
    await searchWithPicture(page, 5);

    await page.locator(".status", {hasText: words}).waitFor();
    expect(rerankerAsked).toBe(asks);
  });

  let firstId = "";
  async function searchFromStoredToLearnAnId(): Promise<void> {
    await page.locator(".beginnings .picture").first().click();
    await expectSoon(() => asked(page).get("id"), (id) => expect(id).not.toBeNull());
    firstId = asked(page).get("id")!;
  }
});

describe("a service that wants to know who asks", () => {
  it("gets a key, which is kept for the tab alone, and a wrong one is told", async () => {
    await page.route("**/v1/**", async (route) => {
      const key = route.request().headers()["authorization"];
      if (key !== "Bearer the right one") return route.fulfill({status: 401, json: {code: "not_authenticated", detail: "a key is needed"}});
      const {authorization: _, ...headers} = route.request().headers();
      return route.fulfill({response: await route.fetch({headers})});
    });
    await page.reload();

    await page.getByLabel(t.credential.label).fill("a wrong one");
    await page.getByRole("button", {name: t.credential.submit}).click();
    await page.getByText(t.credential.wrong).waitFor();
    await page.getByLabel(t.credential.label).fill("the right one");
    await page.getByRole("button", {name: t.credential.submit}).click();
    await searchFromStored(page);
    await page.locator(".card img").first().waitFor();

    expect(await page.evaluate(() => JSON.stringify([Object.values(sessionStorage), Object.values(localStorage)]))).toContain('["the right one"]');
    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain("right");
    expect(page.url()).not.toContain("right");
    await page.getByRole("button", {name: t.bar.signOut}).click();
    await page.getByLabel(t.credential.label).waitFor();
  });
});

describe("language and theme", () => {
  it("follow the switches; the language stands in the address", async () => {
    await page.getByLabel(t.bar.language).selectOption("zh");
    await page.getByRole("heading", {name: TEXTS.zh.empty.heading}).waitFor();
    expect(asked(page).get("lang")).toBe("zh");
    expect(await page.locator("html").getAttribute("lang")).toBe("zh-CN");
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await ground();
    await page.locator(".theme").click();
    await expectSoon(ground, (now) => expect(now).toBe(light));
    await page.locator(".theme").click();
    await expectSoon(ground, (now) => expect(now).not.toBe(light));
    await page.reload();

    await page.getByRole("heading", {name: TEXTS.zh.empty.heading}).waitFor();
    expect(await ground()).not.toBe(light);
  });
});

describe("a window 360 pixels wide", () => {
  it("needs no scrolling sideways", async () => {
    await page.setViewportSize({width: 360, height: 740});
    await searchFromStored(page);

    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  });
});
