/** What leaves the browser, in each mode and by each way in: watched byte by byte, between the browser and the service. */

import {createHash} from "node:crypto";

import type {Browser, Page} from "playwright-core";
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from "vitest";

import {startBrowser, TEXTS, type Visit, visit} from "./browser";
import {asked, chooseFile, drop, expectSoon, hits, offerReranker} from "./doing";
import {drawnPicture} from "./pictures";
import {moreThanVectors, Recorder, wasSent} from "./recorder";

const DIMENSION = 1280;
const t = TEXTS.en;
let browser: Browser;
let recorder: Recorder;
let open: Visit;
let page: Page;

beforeAll(async () => {
  browser = await startBrowser();
  recorder = await Recorder.start();
});
afterAll(async () => {
  await browser.close();
  recorder.stop();
});
beforeEach(async () => {
  open = await visit(browser, {size: "desktop", language: "en"}, "/", recorder.url);
  page = open.page;
  recorder.watch(page);
  await page.locator(".beginnings .picture").first().waitFor();
});
afterEach(async () => {
  expect(open.faults).toEqual([]);
  await open.context.close();
});

/** Choose where vectors are computed, as somebody who comes back has. */
async function choose(place: "auto" | "browser" | "server"): Promise<void> {
  await page.locator(`input[name=where-first][value=${place}]`).check();
  recorder.forget();
}

/** The service says that it has a finer model and that no first answer is sure: what tempts most to send the picture. */
async function temptWithReranker(): Promise<void> {
  await offerReranker(page);
  await page.route("**/search", async (route) => {
    const request = route.request();
    if (!request.headers()["content-type"]!.startsWith("application/json") || request.postData()?.includes("rerank")) return route.continue();
    const response = await route.fetch();
    if (!response.ok()) return route.fulfill({response});
    await route.fulfill({response, json: {...(await response.json()), sure: false}});
  });
  await page.reload();
  await page.locator(".beginnings .picture").first().waitFor();
}

async function dropFiles(files: readonly Buffer[]): Promise<void> {
  const data = await page.evaluateHandle((texts) => {
    const transfer = new DataTransfer();
    for (const [place, text] of texts.entries()) transfer.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], `${place}.jpg`, {type: "image/jpeg"}));
    return transfer;
  }, files.map((file) => file.toString("base64")));
  await page.locator("main").dispatchEvent("drop", {dataTransfer: data});
}

async function paste(file: Buffer): Promise<void> {
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], "pasted.jpg", {type: "image/jpeg"}));
    document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
  }, file.toString("base64"));
}

const keyNow = () => asked(page).get("picture");

async function anotherPicture(bring: () => Promise<void>): Promise<void> {
  const before = keyNow();
  await bring();
  await expectSoon(keyNow, (key) => expect(key).not.toBe(before));
  await hits(page);
}

describe("where vectors are computed in the browser", () => {
  it("nothing but vectors leaves, by whichever way a picture comes in, whatever else is on", async () => {
    await temptWithReranker();
    await choose("browser");
    const files = await Promise.all([1, 2, 3, 4].map((seed) => drawnPicture(page, {seed: seed + 30})));

    await anotherPicture(() => chooseFile(page, files[0]!));
    await page.getByText(t.offer.rerankHeading).waitFor();
    await page.getByText(t.source.stayedHere).waitFor();
    await anotherPicture(() => drop(page, "main", {file: files[1]!}));
    await anotherPicture(() => paste(files[2]!));
    await anotherPicture(async () => {
      await page.locator(".query").getByRole("button", {name: t.empty.camera}).click();
      await page.getByRole("button", {name: t.camera.shoot}).click();
    });
    await page.getByRole("button", {name: t.crop.on}).click();
    await expectSoon(() => asked(page).has("crop"), (has) => expect(has).toBe(true));
    await hits(page);
    for (let i = 0; i < 2; i++) {
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
      await page.waitForTimeout(300);
    }
    await page.goBack();
    await hits(page);
    await page.reload();
    await hits(page);
    await page.locator(".card").first().hover();
    await page.locator(".card").first().getByRole("button", {name: t.card.compare}).click();
    await page.getByRole("button", {name: t.compare.withQuery}).click();
    await page.locator(".pane img").nth(1).waitFor();

    expect(recorder.sent.some(({path}) => path.endsWith("/search"))).toBe(true);
    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
    expect(files.some((file) => wasSent(recorder, file))).toBe(false);
  });

  it("nothing but vectors leaves on the way through the history, offline and back, and nothing that tells of the picture", async () => {
    await choose("browser");
    const files = await Promise.all([1, 2, 3].map((seed) => drawnPicture(page, {seed: seed + 110})));
    const named = files.map((file) => createHash("sha256").update(file).digest("hex"));

    await anotherPicture(() => chooseFile(page, files[0]!));
    await anotherPicture(() => dropFiles(files.slice(1)));
    await page.getByText(t.source.firstOf(2)).waitFor();
    await page.locator(".crop-stage").press("ArrowRight");
    await expectSoon(() => asked(page).has("crop"), (has) => expect(has).toBe(true));
    await hits(page);
    await page.locator(".card").nth(1).hover();
    await page.locator(".card").nth(1).getByRole("button", {name: t.mix.more}).click();
    await expectSoon(() => asked(page).has("more"), (has) => expect(has).toBe(true));
    await hits(page);
    await page.goBack();
    await page.goBack();
    await page.goForward();
    await page.reload();
    await hits(page);
    await open.context.setOffline(true);
    await page.getByLabel(t.results.perPage).selectOption("12");
    await page.locator(".problem").waitFor();
    await open.context.setOffline(false);
    await page.locator(".problem").getByRole("button", {name: t.problem.retry}).click();
    await hits(page);
    await page.getByText(t.source.stayedHere).waitFor();

    expect(recorder.sent.filter(({path}) => path.endsWith("/search")).length).toBeGreaterThan(4);
    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
    expect(files.some((file) => wasSent(recorder, file))).toBe(false);
    const everything = recorder.sent.map(({path, body}) => `${path} ${body.toString("latin1")}`).join(" ");
    expect(named.filter((name) => everything.includes(name.slice(0, 16)))).toEqual([]);
  });

  it("adding a picture sends it, and nothing of the one that is searched with", async () => {
    await choose("browser");
    const [searched, added] = await Promise.all([121, 122].map((seed) => drawnPicture(page, {seed})));
    await anotherPicture(() => chooseFile(page, searched!));
    await page.getByRole("button", {name: t.bar.upload}).click();
    await page.locator(".drop-place input[type=file]").setInputFiles({name: "added.jpg", mimeType: "image/jpeg", buffer: added!});
    await page.locator(".upload.kept, .upload.replaced, .upload.stored").waitFor({timeout: 60_000});

    expect([searched, added].map((file) => wasSent(recorder, file!))).toEqual([false, true]);
  });

  it("an address is sent as an address, and a picture of the collection as its id", async () => {
    await choose("browser");
    await drop(page, "main", {text: "https://pictures.example/cat.jpg"});
    await page.locator(".problem").waitFor();
    await page.locator(".brand").click();
    await page.locator(".beginnings .picture").first().click();
    await hits(page);

    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
  });

  it("no frame of the live camera leaves", async () => {
    await choose("browser");
    await page.locator("header").getByRole("button", {name: t.bar.live}).click();
    await page.locator(".live-hits img").first().waitFor({timeout: 30_000});
    await expectSoon(() => recorder.frames.length, (count) => expect(count).toBeGreaterThan(4));

    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
  });
});

describe("where the browser cannot compute a vector although it is to", () => {
  const noModel = () => page.route("**/v1/models/*/file", (route) => route.fulfill({status: 503, headers: {"Retry-After": "60"}, json: {code: "overloaded", detail: "no"}}));
  const failures: [string, () => Promise<unknown>][] = [
    ["the model does not come", noModel],
    ["the model is another one", () => page.route("**/v1/models/*/file", (route) => route.fulfill({body: "something else"}))],
    ["the model does not come whole", () => page.route("**/v1/models/*/file", (route) => route.abort())],
    ["there is no WebAssembly", () => page.addInitScript(() => Reflect.deleteProperty(globalThis, "WebAssembly"))],
    ["the worker cannot be loaded", () => page.route("**/assets/worker*.js", (route) => route.abort())],
    ["the runtime cannot be loaded", () => page.route("**/*.wasm", (route) => route.abort())],
  ];

  it.each(failures)("%s: the picture stays, sending it is offered, and holds for this picture alone", async (_, fail) => {
    await fail();
    await page.reload();
    await choose("browser");
    const [file, other] = await Promise.all([41, 42].map((seed) => drawnPicture(page, {seed})));

    await chooseFile(page, file!);
    await page.getByText(t.offer.vectorStayed).waitFor({timeout: 40_000});
    await page.getByRole("button", {name: t.offer.tryHere}).click();
    await page.getByText(t.offer.vectorStayed).waitFor({timeout: 40_000});
    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
    await page.getByRole("button", {name: t.offer.send}).click();
    await hits(page);
    expect(wasSent(recorder, file!)).toBe(true);
    await page.getByText(t.source.wasSent).waitFor();
    recorder.forget();
    await chooseFile(page, other!);
    await page.getByText(t.offer.vectorStayed).waitFor({timeout: 40_000});

    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
    expect(wasSent(recorder, other!)).toBe(false);
  });

  it.each([
    ["image/heic", "photo.heic"],
    ["image/avif", "photo.avif"],
    ["image/tiff", "scan.tif"],
    ["image/jpeg", "broken.jpg"],
  ])("a picture that it cannot read (%s) stays", async (type, name) => {
    await choose("browser");
    const file = Buffer.concat([Buffer.from("0000001c66747970", "hex"), Buffer.from(`${name} `.repeat(60))]);

    await chooseFile(page, file, name, type);
    await page.getByText(t.offer.vectorStayed).waitFor();
    await page.reload();
    await page.getByText(t.offer.vectorStayed).waitFor();

    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
  });

  it("a worker that ends under way is replaced at the next try, and the picture stays", async () => {
    await page.addInitScript(() => {
      const workers: Worker[] = [];
      const Real = Worker;
      Object.assign(globalThis, {
        workers,
        Worker: class extends Real {
          constructor(...given: ConstructorParameters<typeof Worker>) {
            super(...given);
            workers.push(this);
          }
        },
      });
    });
    await page.reload();
    await choose("browser");
    await chooseFile(page, await drawnPicture(page, {seed: 51}));
    await hits(page);
    await page.evaluate(() => (globalThis as unknown as {workers: Worker[]}).workers.at(-1)!.dispatchEvent(new ErrorEvent("error", {message: "out of memory"})));

    await chooseFile(page, await drawnPicture(page, {seed: 52}));
    await page.getByRole("button", {name: t.offer.tryHere}).click();
    await hits(page);
    await page.getByText(t.source.stayedHere).waitFor();

    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
  });

  it("no frame of the live camera leaves until that is said, and then for as long as the panel is open", async () => {
    await noModel();
    await page.reload();
    await choose("browser");
    const live = page.locator("header").getByRole("button", {name: t.bar.live});
    await live.click();
    await page.getByText(t.live.stayed).waitFor({timeout: 40_000});
    await page.waitForTimeout(500);
    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
    await page.getByRole("button", {name: t.live.send}).click();
    await expectSoon(() => moreThanVectors(recorder, DIMENSION), (found) => expect(found.length).toBeGreaterThan(2));
    await page.getByRole("button", {name: t.close}).click();
    await page.waitForTimeout(300);
    recorder.forget();
    await live.click();
    await page.getByText(t.live.stayed).waitFor({timeout: 40_000});

    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
  });
});

describe("a finer look, where vectors are computed in the browser", () => {
  it("is offered, and takes the picture only when it is said", async () => {
    await temptWithReranker();
    await choose("browser");
    const [file, other] = await Promise.all([61, 62].map((seed) => drawnPicture(page, {seed})));
    await chooseFile(page, file!);
    await hits(page);
    await page.waitForTimeout(500);
    expect(wasSent(recorder, file!)).toBe(false);

    await page.getByRole("button", {name: t.offer.send}).click();
    await expectSoon(() => wasSent(recorder, file!), (sent) => expect(sent).toBe(true));
    await chooseFile(page, other!);
    await page.getByRole("button", {name: t.offer.send}).waitFor();

    expect(wasSent(recorder, other!)).toBe(false);
  });
});

describe("where vectors are computed by the service", () => {
  it("the picture is sent, and the page says so before and after", async () => {
    await choose("server");
    await page.getByText(t.settings.means.server).first().waitFor();
    const files = await Promise.all([1, 2, 3].map((seed) => drawnPicture(page, {seed: seed + 70})));

    await anotherPicture(() => chooseFile(page, files[0]!));
    await anotherPicture(() => drop(page, "main", {file: files[1]!}));
    await anotherPicture(() => paste(files[2]!));
    await page.getByText(t.source.wasSent).waitFor();

    expect(files.map((file) => wasSent(recorder, file))).toEqual([true, true, true]);
    expect(recorder.sent.some(({path}) => /^\/v1\/models\/.*\/file/.test(path))).toBe(false);
  });
});

describe("in Auto", () => {
  it("the page says before that the first picture is sent; the model is not fetched until then; the next one stays", async () => {
    recorder.forget();
    await page.reload();
    await page.getByText(t.settings.means.auto).waitFor();
    await page.waitForTimeout(1_000);
    expect(recorder.sent.filter(({path}) => /\/file$|\.wasm/.test(path))).toEqual([]);
    const [file, other] = await Promise.all([81, 82].map((seed) => drawnPicture(page, {seed})));

    await anotherPicture(() => chooseFile(page, file!));
    expect(wasSent(recorder, file!)).toBe(true);
    await page.locator(".status", {hasText: t.settings.meanwhile}).waitFor();
    await page.getByText(t.source.wasSent).waitFor();
    await expectSoon(() => recorder.sent.some(({path}) => /^\/v1\/models\/.*\/file$/.test(path)), (fetched) => expect(fetched).toBe(true));
    // How long the model takes to be opened depends on the machine; until then pictures are sent.
    let seed = 100;
    await expectSoon(
      async () => {
        const next = await drawnPicture(page, {seed: (seed += 1)});
        await anotherPicture(() => chooseFile(page, next));
        return await page.getByText(t.source.stayedHere).count();
      },
      (stayed) => expect(stayed).toBe(1),
    );
    recorder.forget();
    await anotherPicture(() => chooseFile(page, other!));
    await page.getByText(t.source.stayedHere).waitFor();

    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
    expect(wasSent(recorder, other!)).toBe(false);
  });

  it("a change to Browser holds for what is on the page already", async () => {
    const file = await drawnPicture(page, {seed: 91});
    await anotherPicture(() => chooseFile(page, file));
    expect(wasSent(recorder, file)).toBe(true);

    recorder.forget();
    await page.locator("input[name=where][value=browser]").check();
    await hits(page);
    await page.getByText(t.source.stayedHere).waitFor();
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.waitForTimeout(500);

    expect(moreThanVectors(recorder, DIMENSION)).toEqual([]);
  });
});

describe("what is kept in the browser", () => {
  it("is preferences, the pictures that the page says it keeps, and the model; all pictures go when that is asked", async () => {
    await choose("browser");
    await chooseFile(page, await drawnPicture(page, {seed: 95}));
    await hits(page);
    const kept = () =>
      page.evaluate(async () => {
        const opened = await new Promise<IDBDatabase>((done) => (indexedDB.open("lookalike-pictures").onsuccess = (event) => done((event.target as IDBOpenDBRequest).result)));
        const count = await new Promise<number>((done) => (opened.transaction("pictures").objectStore("pictures").count().onsuccess = (event) => done((event.target as IDBRequest<number>).result)));
        opened.close();
        const caches_ = await Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).map((one) => new URL(one.url).pathname)));
        return {count, local: Object.keys(localStorage).sort(), cached: caches_.flat()};
      });

    // The search does not wait for the picture to be kept.
    await expectSoon(() => page.evaluate(async () => (await indexedDB.databases()).map(({name}) => name)), (names) => expect(names).toEqual(["lookalike-pictures"]));
    await expectSoon(async () => (await kept()).count, (count) => expect(count).toBe(1));
    const {local, cached} = await kept();
    expect(local.every((name) => /^lookalike\.(theme|where|tiered|salt)$/.test(name))).toBe(true);
    expect(cached.every((path) => /^\/v1\/models\/[0-9a-f]{64}\/file$/.test(path))).toBe(true);
    await page.getByText(t.settings.kept).waitFor();
    await page.getByRole("button", {name: t.settings.forget}).click();
    await page.getByText(t.settings.forgotten).waitFor();

    expect((await kept()).count).toBe(0);
    expect(asked(page).has("picture")).toBe(false);
  });

  it("a key is forgotten when its tab is closed", async () => {
    await page.evaluate(() => sessionStorage.setItem("lookalike.credential", "a secret"));
    const other = await open.context.newPage();
    await other.goto(recorder.url);

    expect(await other.evaluate(() => sessionStorage.getItem("lookalike.credential"))).toBeNull();
    expect(JSON.stringify(await open.context.storageState({indexedDB: true}))).not.toContain("a secret");
  });
});

