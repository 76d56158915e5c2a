/** Replies that come late, out of order or not at all: the newest question wins, and what there was stays. */

import type {Page, Route} from "playwright-core";
import {describe, expect, it} from "vitest";

import {SERVICE, TEXTS} from "./browser";
import {asked, CARDS, chooseFile, computeAt, drop, expectSoon, hits, idsOf, offerReranker, queryPicture, searchFromStored, searchWithPicture} from "./doing";
import {openForEach} from "./opening";
import {drawnPicture} from "./pictures";

const t = TEXTS.en;
const SLOW_MS = 2_000;
let page: Page;

openForEach({size: "desktop", language: "en", reducedMotion: true}, (open) => (page = open.page));

type SearchBody = {id?: string; offset?: number; filter?: unknown; rerank?: string; more?: string[]; vector?: string};

/** Searches for which this is true are answered late, although the page may have given them up. Gives what settles once one was asked. */
async function slowDown(isSlow: (body: SearchBody) => boolean): Promise<() => Promise<void>> {
  let count = 0;
  await page.route("**/search", async (route) => {
    if (isSlow(bodyOf(route))) {
      count += 1;
      await page.waitForTimeout(SLOW_MS);
    }
    await route.continue().catch(() => undefined);
  });
  return () => expectSoon(() => count, (asked) => expect(asked).toBeGreaterThan(0));
}

function bodyOf(route: Route): SearchBody {
  const {postData} = {postData: route.request().postData() ?? "{}"};
  const json = postData.startsWith("{") ? postData : (/name="query"\s+(\{.*\})/.exec(postData)?.[1] ?? "{}");
  return JSON.parse(json) as SearchBody;
}

async function idsFor(body: object): Promise<string[]> {
  const reply = await page.request.post(`${SERVICE}/v1/collections/demo/search`, {data: {k: 24, exclude_query: true, ...body}});
  return ((await reply.json()) as {hits: {id: string}[]}).hits.map(({id}) => id);
}

async function expectIdsToStay(expected: string[]): Promise<void> {
  await expectSoon(() => idsOf(page), (ids) => expect(ids.slice(0, 12)).toEqual(expected.slice(0, 12)));
  await page.waitForTimeout(SLOW_MS + 500);
  expect((await idsOf(page)).slice(0, 12)).toEqual(expected.slice(0, 12));
}

const go = (id: string) => page.evaluate((one) => (history.pushState(null, "", `/?id=${one}`), dispatchEvent(new PopStateEvent("popstate"))), id);

describe("a late reply never takes the place of a newer one", () => {
  it("of a search, where the first question is answered after the second", async () => {
    const [one, other] = await idsFor({id: await someId()});
    const slowAsked = await slowDown(({id}) => id === one);
    await go(one!);
    await slowAsked();
    await go(other!);

    await expectIdsToStay(await idsFor({id: other}));
  });

  it("of a search, after the filter has changed and was taken back", async () => {
    const id = await someId();
    const slowAsked = await slowDown(({filter}) => filter !== undefined);
    await go(id);
    await hits(page);
    await page.evaluate((one) => (history.pushState(null, "", `/?id=${one}&filter=${encodeURIComponent('{"width":{"gt":300}}')}`), dispatchEvent(new PopStateEvent("popstate"))), id);
    await slowAsked();
    await go(id);

    await expectIdsToStay(await idsFor({id}));
  });

  it("of the next page, after another question was asked", async () => {
    const [one, other] = await idsFor({id: await someId()});
    const slowAsked = await slowDown(({id, offset}) => id === one && (offset ?? 0) > 0);
    await go(one!);
    await hits(page);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await slowAsked();
    await go(other!);

    await expectIdsToStay(await idsFor({id: other}));
  });

  it("of a search, after the language was changed: its hits come in the language of now", async () => {
    const id = await someId();
    await slowDown(() => true);
    await go(id);
    await page.getByLabel(t.bar.language).selectOption("zh");

    await hits(page);
    expect(await page.locator(".toolbar h1").innerText()).toBe(TEXTS.zh.results.heading);
    expect(await idsOf(page)).toEqual(await idsFor({id}));
  });

  it("of a search, after another collection was chosen", async () => {
    await page.request.put(`${SERVICE}/v1/collections/late-one`);
    await page.reload();
    await page.locator(".beginnings .picture").first().waitFor();
    const slowAsked = await slowDown(() => true);
    await chooseFile(page, await drawnPicture(page, {seed: 3}));
    await slowAsked();
    await page.getByLabel(t.bar.collection).selectOption("late-one");
    await page.waitForTimeout(2 * SLOW_MS + 500);

    expect(await page.locator(CARDS).count()).toBe(0);
    await page.request.delete(`${SERVICE}/v1/collections/late-one`);
  });

  it("of two pictures, where the first is the larger and takes longer to be read", async () => {
    await page.addInitScript(() => {
      const real = crypto.subtle.digest.bind(crypto.subtle);
      crypto.subtle.digest = async (way, data) => {
        if (data.byteLength > 100_000) await new Promise((done) => setTimeout(done, 1_500));
        return await real(way, data);
      };
    });
    await page.reload();
    const [large, small] = [await drawnPicture(page, {width: 3000, height: 2200, seed: 5}), await drawnPicture(page, {seed: 6})];
    await drop(page, "main", {file: large});
    await drop(page, "main", {file: small});
    await hits(page);
    const key = asked(page).get("picture");
    await page.waitForTimeout(2_000);

    expect(asked(page).get("picture")).toBe(key);
  });

  it("of the clipboard, after another picture was searched from", async () => {
    await page.addInitScript(() => {
      navigator.clipboard.read = async () => {
        await new Promise((done) => Object.assign(globalThis, {release: done}));
        const canvas = new OffscreenCanvas(8, 8);
        canvas.getContext("2d")!.fillRect(1, 1, 5, 5);
        return [new ClipboardItem({"image/png": await canvas.convertToBlob()})];
      };
    });
    await page.reload();
    await page.locator("main").getByRole("button", {name: t.source.paste}).click();
    await searchFromStored(page);
    const address = page.url();
    await page.evaluate(() => (globalThis as unknown as {release: () => void}).release());
    await page.waitForTimeout(1_000);

    expect(page.url()).toBe(address);
  });

  it("of a part that is moved by keys, after one has gone back", async () => {
    await page.clock.install({time: 0});
    await searchWithPicture(page, 11);
    await page.getByRole("button", {name: t.crop.on}).click();
    await expectSoon(() => asked(page).has("crop"), (has) => expect(has).toBe(true));
    await hits(page);
    await queryPicture(page);
    await page.clock.pauseAt(1_000_000);
    await page.locator(".crop-stage").press("ArrowRight");
    await page.goBack();
    await expectSoon(() => asked(page).has("crop"), (has) => expect(has).toBe(false));
    await page.clock.runFor(2_000);
    await page.clock.resume();
    await hits(page);

    expect(asked(page).has("crop")).toBe(false);
    expect(await page.locator(".crop-box").count()).toBe(0);
  });

  it("of small pictures: each card has its own", async () => {
    const [one, other] = await idsFor({id: await someId()});
    let n = 0;
    await page.route("**/thumbnail*", async (route) => {
      if (n++ % 2 === 0) await page.waitForTimeout(800);
      await route.continue().catch(() => undefined);
    });
    await go(one!);
    await hits(page);
    await go(other!);
    await hits(page);
    await expectSoon(
      () => page.locator(".card").evaluateAll((cards) => cards.slice(0, 5).filter((card) => (card.querySelector("img")?.naturalWidth ?? 0) > 0).length),
      (shown) => expect(shown).toBe(5),
    );
    await page.waitForTimeout(1_500); // in which a late one would take the place of another

    const same = await page.locator(".card").evaluateAll(async (cards) => {
      const pixels = (from: ImageBitmap | HTMLImageElement) => {
        const pen = new OffscreenCanvas(16, 16).getContext("2d")!;
        pen.drawImage(from, 0, 0, 16, 16);
        return pen.getImageData(0, 0, 16, 16).data;
      };
      return await Promise.all(
        cards.slice(0, 5).map(async (card) => {
          const own = `/v1/collections/demo/images/${(card as HTMLElement).dataset["id"]}/thumbnail?side=320`;
          const bitmap = await createImageBitmap(await (await fetch(own)).blob());
          const shown = pixels(card.querySelector("img")!);
          // Browsers scale the two in ways that differ a little.
          return pixels(bitmap).reduce((sum, value, i) => sum + Math.abs(value - shown[i]!), 0) / shown.length < 15;
        }),
      );
    });
    expect(same).toEqual([true, true, true, true, true]);
  });

  async function someId(): Promise<string> {
    const reply = await page.request.get(`${SERVICE}/v1/collections/demo/images?limit=1`);
    return ((await reply.json()) as {data: {id: string}[]}).data[0]!.id;
  }
});

describe("the finer answer", () => {
  it.each([0, 600, 1_500])("is not overwritten by more of the first, however wide the window; the finer model takes %s ms", async (slowMs) => {
    await page.setViewportSize({width: 1920, height: 1400});
    await offerReranker(page);
    // The finer model says the reverse of the first, page by page.
    await page.route("**/search", async (route) => {
      const body = bodyOf(route);
      if (!body.rerank) {
        if (body.offset) await page.waitForTimeout(300);
        const response = await route.fetch();
        return route.fulfill({response, json: {...(await response.json()), sure: false}});
      }
      await page.waitForTimeout(slowMs);
      const all = await everyHit();
      const from = body.offset ?? 0;
      await route.fulfill({json: {...all, hits: all.hits.slice(from, from + 24), has_more: from + 24 < all.hits.length}});
    });
    await computeAt(page, "server");
    await chooseFile(page, await drawnPicture(page, {seed: 8}));
    await page.locator(".status", {hasText: t.status.rerankDone}).waitFor();
    await expectSoon(
      async () => {
        await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
        return (await idsOf(page)).length;
      },
      (count) => expect(count).toBeGreaterThan(96),
    );

    const reranked = (await everyHit()).hits.map(({id}) => id);
    const shown = await idsOf(page);
    expect(shown).toEqual(reranked.slice(0, shown.length));
  });

  let all: Promise<{hits: {id: string}[]}> | null = null;
  function everyHit(): Promise<{hits: {id: string}[]}> {
    all ??= (async () => {
      const {data} = (await (await page.request.get(`${SERVICE}/v1/collections/demo/images?limit=1`)).json()) as {data: {id: string}[]};
      const reply = await page.request.post(`${SERVICE}/v1/collections/demo/search`, {data: {id: data[0]!.id, k: 147}});
      const found = (await reply.json()) as {hits: {id: string}[]};
      return {...found, hits: found.hits.reverse()};
    })();
    return all;
  }
});

describe("a finer look that is offered", () => {
  it("is not offered any more once another question is asked, even while that has no answer yet", async () => {
    await offerReranker(page);
    let held: Route | null = null;
    await page.route("**/search", async (route) => {
      if (bodyOf(route).id) return void (held = route);
      const response = await route.fetch();
      await route.fulfill({response, json: {...(await response.json()), sure: false}});
    });
    await computeAt(page, "browser");
    await searchWithPicture(page, 12);
    await page.getByText(t.offer.rerankHeading).waitFor();
    await page.locator(`${CARDS} .picture`).first().click();
    await expectSoon(() => held, (route) => expect(route).not.toBeNull());

    expect(await page.getByText(t.offer.rerankHeading).count()).toBe(0);
    expect(await page.locator(".grid.stale .card").count()).toBeGreaterThan(0);
    await held!.continue();
    await hits(page);
  });
});

describe("another collection", () => {
  it("is begun anew where a picture of the one before was searched from, for it is not in there", async () => {
    await page.request.put(`${SERVICE}/v1/collections/late-two`);
    await page.reload();
    await searchFromStored(page);
    await page.getByLabel(t.bar.collection).selectOption("late-two");
    await page.getByText(t.empty.noPictures).waitFor();

    expect([...asked(page).keys()]).toEqual(["c"]);
    expect(await page.locator(".problem").count()).toBe(0);
    await page.request.delete(`${SERVICE}/v1/collections/late-two`);
  });
});

describe("what there was stays", () => {
  it("where the next page fails: said where it would stand, with a way to try again", async () => {
    await searchFromStored(page);
    const before = await idsOf(page);
    await page.route("**/search", (route) => route.fulfill({status: 500, json: {code: "internal", detail: "a page was lost"}}));
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.locator(".further").getByText(t.results.furtherFailed).waitFor();

    expect((await idsOf(page)).slice(0, before.length)).toEqual(before);
    await expectSoon(() => page.locator(".further .problem").evaluate((one) => one.getBoundingClientRect().top < innerHeight), (inView) => expect(inView).toBe(true));
    await page.unroute("**/search");
    const count = await page.locator(CARDS).count();
    await page.locator(".further").getByRole("button", {name: t.problem.retry}).click();
    await expectSoon(() => page.locator(CARDS).count(), (now) => expect(now).toBeGreaterThan(count));
  });

  it("where a search fails, under words that say so", async () => {
    await searchFromStored(page);
    const before = await idsOf(page);
    await page.route("**/search", (route) => route.abort());
    await page.locator(`${CARDS} .picture`).nth(1).click();
    await page.locator(".problem").waitFor();

    await page.getByText(t.results.old("demo")).waitFor();
    expect((await idsOf(page)).slice(0, 12)).toEqual(before.slice(0, 12));
  });

  it("where the address names an id of another collection", async () => {
    await searchFromStored(page);
    const before = await idsOf(page);
    await go("0".repeat(63) + "1");
    await page.locator(".problem").waitFor();

    expect((await idsOf(page)).slice(0, 12)).toEqual(before.slice(0, 12));
    await page.getByText(t.results.old("demo")).waitFor();
  });

  it("where the address names a collection that is not there, which is said with those that are", async () => {
    await searchFromStored(page);
    const {length} = await idsOf(page);
    await page.evaluate((address) => (history.pushState(null, "", address), dispatchEvent(new PopStateEvent("popstate"))), `${page.url()}&c=not-there`);
    await page.getByText(t.lacking.notThere("not-there")).waitFor();

    expect(await page.locator(CARDS).count()).toBe(length);
    await page.locator(".problem").getByRole("button", {name: "demo"}).click();
    await hits(page);
    expect(asked(page).get("c")).toBe("demo");
  });

  it("where a 33rd picture is to be mixed in, which is said over the page", async () => {
    const {data} = (await (await page.request.get(`${SERVICE}/v1/collections/demo/images?limit=40`)).json()) as {data: {id: string}[]};
    await page.goto(`${SERVICE}/?more=${data.slice(0, 32).map(({id}) => id).join(",")}&k=96`);
    const cards = await hits(page);
    const before = await idsOf(page);
    const free = before.findIndex((id) => !data.slice(0, 32).some((one) => one.id === id));
    const address = page.url();
    await cards.nth(free).hover();
    await cards.nth(free).getByRole("button", {name: t.mix.more}).click();
    await page.getByText(t.mix.most).waitFor();

    expect(page.url()).toBe(address);
    expect((await idsOf(page)).slice(0, before.length)).toEqual(before);
  });
});

describe("an answer that was left while the finer model looked", () => {
  it("is looked at again when one comes back, and does not wait for ever", async () => {
    await offerReranker(page);
    await page.route("**/search", async (route) => {
      if (bodyOf(route).rerank) return void (await page.waitForTimeout(1_500), await route.fulfill({status: 500, json: {code: "internal", detail: "no"}}).catch(() => undefined));
      const response = await route.fetch();
      await route.fulfill({response, json: {...(await response.json()), sure: false}});
    });
    await computeAt(page, "server");
    await chooseFile(page, await drawnPicture(page, {seed: 9}));
    await page.locator(".status", {hasText: t.status.rerankLooking}).waitFor();
    await page.locator(".card .picture").first().click();
    await hits(page);
    await page.goBack();

    await page.locator(".status", {hasText: t.status.rerankFailed}).waitFor();
    await hits(page);
  });
});
