/** What hasty hands do: click twice, change a file while it is searched with, drop what is nothing, type an address in capitals. */

import {mkdtemp, rm, writeFile} from "node:fs/promises";
import {tmpdir} from "node:os";
import {join} from "node:path";

import type {Page, Route} from "playwright-core";
import {describe, expect, it} from "vitest";

import {codesEn} from "../page/src/i18n/codes.en";
import {TEXTS} from "./browser";
import {asked, computeAt, drop, drawn, expectSoon, hits, queryPicture, searchFromStored} from "./doing";
import {openForEach} from "./opening";
import {drawnPicture} from "./pictures";

let page: Page;
const t = TEXTS.en;

openForEach({size: "desktop", language: "en"}, (open) => (page = open.page));

describe("a double click", () => {
  const searches = () => {
    const bodies: {id?: string}[] = [];
    page.on("request", (request) => request.url().endsWith("/search") && bodies.push(request.postDataJSON() as {id?: string}));
    return bodies;
  };

  it("on a hit far down searches from that one alone, not from what comes under the pointer", async () => {
    await searchFromStored(page);
    const card = page.locator(".card .picture").nth(10);
    await card.scrollIntoViewIfNeeded();
    await drawn(page);
    const id = await page.locator(".card").nth(10).getAttribute("data-id");
    const bodies = searches();
    const steps = await page.evaluate(() => history.length);

    await card.dblclick({delay: 30});
    await hits(page);

    expect(asked(page).get("id")).toBe(id);
    expect(await page.evaluate(() => history.length)).toBe(steps + 1);
    expect(bodies.map((body) => body.id)).toEqual([id]);
  });

  it("on a picture to start from does nothing to the results", async () => {
    const start = page.locator(".beginnings .picture").nth(3);
    await start.scrollIntoViewIfNeeded();
    const steps = await page.evaluate(() => history.length);

    await start.dblclick({delay: 60});
    await hits(page);

    expect(await page.evaluate(() => history.length)).toBe(steps + 1);
  });
});

describe("a file", () => {
  /** A dropped file that lies on the disk, so that it can go. */
  async function dropped(change: (path: string) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "lookalike-gone-"));
    const path = join(folder, "photo.jpg");
    await writeFile(path, await drawnPicture(page, {seed: 61}));
    await page.evaluate(() => document.body.append(Object.assign(document.createElement("input"), {type: "file", id: "disk", hidden: true})));
    await page.locator("#disk").setInputFiles(path);
    await change(path);
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.items.add((document.querySelector("#disk") as HTMLInputElement).files![0]!);
      document.querySelector("main")!.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
    });
    await rm(folder, {recursive: true});
  }

  it.each([
    ["vanished", (path: string) => rm(path)],
    ["unreadable", (path: string) => writeFile(path, "other bytes, written meanwhile")],
  ] as const)("that is %s by the time it is read is told, with what to do", async (_, change) => {
    await dropped(change);

    await page.locator(".problem", {hasText: /The file (is not there any more|cannot be read)/}).waitFor();
    expect(await page.locator(".problem").innerText()).not.toContain(codesEn.problems.page[0]);
    expect(asked(page).has("picture")).toBe(false);
  });

  it("that goes after the search can still be searched with, by a part of it", async () => {
    await computeAt(page, "server");
    await page.locator(".beginnings .picture").first().waitFor();
    await dropped(async () => undefined);
    await expectSoon(() => asked(page).has("picture"), (has) => expect(has).toBe(true));
    await hits(page);
    await queryPicture(page);

    await page.getByRole("button", {name: t.crop.on}).click();
    await expectSoon(() => asked(page).has("crop"), (has) => expect(has).toBe(true));
    await hits(page);

    expect(await page.locator(".problem").count()).toBe(0);
  });
});

describe("what is dropped and is neither a picture nor an address", () => {
  it("is told", async () => {
    await drop(page, "main", {text: "data:text/plain,hello"});

    await page.locator(".problem", {hasText: codesEn.problems.nothing_given[0]}).waitFor();
  });
});

describe("while two pictures are compared", () => {
  it("what is dropped behind them changes nothing that one does not see", async () => {
    await searchFromStored(page);
    for (const place of [0, 1]) {
      await page.locator(".card").nth(place).hover();
      await page.locator(".card").nth(place).getByRole("button", {name: t.card.compare}).click();
    }
    await page.getByRole("dialog", {name: t.compare.heading}).waitFor();
    const address = page.url();

    await drop(page, ".panes", {file: await drawnPicture(page, {seed: 62})});
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({state: "detached"});
    await drawn(page);

    expect(page.url()).toBe(address);
  });
});

describe("a next page that fails while one reads", () => {
  it("moves nothing under the eyes", async () => {
    let held: Route | null = null;
    await page.route("**/search", async (route) => {
      if (!(route.request().postDataJSON() as {offset?: number}).offset) return route.fallback();
      held = route;
    });
    await page.setViewportSize({width: 600, height: 500});
    await searchFromStored(page);
    await page.evaluate(() => scrollBy(0, document.querySelector(".further")!.getBoundingClientRect().top - innerHeight - 300));
    await expectSoon(() => held, (route) => expect(route).not.toBeNull());
    const before = await page.evaluate(() => scrollY);
    await held!.fulfill({status: 500, json: {code: "error", values: {}, detail: ""}});
    await page.locator(".further .problem").waitFor({state: "attached"});
    await drawn(page);

    expect(await page.evaluate(() => scrollY)).toBe(before);
  });
});

describe("an address", () => {
  const enter = async (text: string) => {
    await page.getByRole("button", {name: t.empty.url}).click();
    await page.getByLabel(t.source.url).fill(text);
    await page.getByRole("button", {name: t.source.urlSearch, exact: true}).click();
  };

  it("in capitals, as a phone writes it, is still there after a reload", async () => {
    await page.route("**/search", () => undefined);
    await enter("Https://Pictures.example/Cat.jpg");
    await page.locator(".address").waitFor();
    await page.reload();

    await page.locator(".address").waitFor();
    expect(await page.locator(".address").innerText()).toBe("https://pictures.example/Cat.jpg");
  });

  it("that is longer than a link can be is told so", async () => {
    await enter(`https://pictures.example/${"a".repeat(3_000)}.jpg`);

    await page.getByRole("dialog").getByText(codesEn.problems.long_address[0]).waitFor();
    expect(asked(page).has("url")).toBe(false);
  });
});

describe("offline", () => {
  it("small pictures that did not come are fetched when the network is there again", async () => {
    let away = true;
    await page.route("**/thumbnail?*", (route) => (away ? route.abort() : route.continue()));
    await page.reload();
    await page.locator(".beginnings .no-thumbnail").nth(5).waitFor();
    away = false;

    await page.context().setOffline(true);
    await page.context().setOffline(false);

    await page.locator(".beginnings img").nth(5).waitFor();
    expect(await page.locator(".no-thumbnail").count()).toBe(0);
  });
});
