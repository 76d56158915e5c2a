/** By keys alone: everything is reached, what is reached is seen, dialogs keep the focus and give it back. */

import type {Page, Route} from "playwright-core";
import {describe, expect, it} from "vitest";

import {TEXTS} from "./browser";
import {drawn, expectSoon, searchFromStored} from "./doing";
import {openForEach} from "./opening";

let page: Page;
const t = TEXTS.en;

openForEach({size: "desktop", language: "en", reducedMotion: true}, (open) => (page = open.page));

type Stop = {name: string; isOutlined: boolean; isInView: boolean; isCovered: boolean};

/** What has the focus now, and whether one sees that; null where nothing on the page has it. */
function focused(): Promise<Stop | null> {
  return page.evaluate(() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    // A radio button is drawn by its label, which bears the outline.
    const drawn = one.matches(".segments input") ? one.closest("label")! : one;
    const {left, top, width, height} = drawn.getBoundingClientRect();
    const [x, y] = [left + width / 2, top + height / 2];
    const at = document.elementFromPoint(x, y);
    const wordsOf = (element: Element) => (element as HTMLElement).innerText.trim().split("\n")[0]!;
    const labels = one instanceof HTMLInputElement || one instanceof HTMLSelectElement ? [...(one.labels ?? [])] : [];
    return {
      name: one.getAttribute("aria-label") || labels[0]?.querySelector("span")?.textContent || labels[0]?.textContent || one.querySelector("img")?.alt || wordsOf(one),
      isOutlined: getComputedStyle(drawn).outlineStyle !== "none",
      isInView: x >= 0 && y >= 0 && x <= innerWidth && y <= innerHeight,
      isCovered: at !== null && !drawn.contains(at) && !at.contains(drawn),
    };
  });
}

/** Press Tab until the focus is where it was first, or has left the page. */
async function walk(key: "Tab" | "Shift+Tab" = "Tab"): Promise<Stop[]> {
  const stops: Stop[] = [];
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press(key);
    await drawn(page);
    const stop = await focused();
    if (!stop || (stops.length > 2 && stop.name === stops[0]!.name)) return stops;
    stops.push(stop);
  }
  return stops;
}

const unseen = (stops: readonly Stop[]) => stops.filter(({name, isOutlined, isInView, isCovered}) => !name || !isOutlined || !isInView || isCovered);

describe("Tab", () => {
  it("leads to everything on the first page, and shows where it is", async () => {
    const stops = await walk();

    const names = stops.map(({name}) => name);
    expect(names).toEqual(expect.arrayContaining([t.skipToResults, t.bar.upload, t.empty.file, t.empty.camera, t.empty.url, t.source.paste]));
    expect(names[0]).toBe(t.skipToResults);
    expect(unseen(stops)).toEqual([]);
  });

  it("leads to everything beside the hits, forth and back", async () => {
    await page.route("**/search", async (route) => {
      const response = await route.fetch();
      await route.fulfill({response, json: {...(await response.json()), has_more: false}});
    });
    await searchFromStored(page);
    await page.getByRole("button", {name: t.filter.heading}).click();
    await page.locator(".brand").focus();
    const forth = await walk("Tab");
    await page.locator(".card .actions button").nth(2).focus();
    const back = await walk("Shift+Tab");

    for (const stops of [forth, back]) {
      const names = stops.map(({name}) => name);
      expect(names).toEqual(expect.arrayContaining([t.source.another, t.crop.on, t.settings.forget, t.results.perPage, t.filter.apply, t.filter.remove]));
      expect(unseen(stops)).toEqual([]);
    }
  });

  it("stays on “Show more” while more comes", async () => {
    await searchFromStored(page);
    let held: Route | null = null;
    await page.route("**/search", (route) => void (held = route));
    await page.locator(".further button").focus();
    await expectSoon(() => held, (route) => expect(route).not.toBeNull());
    await drawn(page);

    expect(await page.evaluate(() => document.activeElement?.closest(".further") !== null && document.activeElement?.tagName)).toBe("BUTTON");
    await held!.continue();
  });
});

describe.each<{name: string; opener: (page: Page) => ReturnType<Page["locator"]>}>([
  {name: t.upload.heading, opener: (on) => on.getByRole("button", {name: t.bar.upload})},
  {name: t.live.heading, opener: (on) => on.locator("header").getByRole("button", {name: t.bar.live})},
  {name: t.camera.heading, opener: (on) => on.locator("main").getByRole("button", {name: t.empty.camera})},
  {name: t.empty.url, opener: (on) => on.locator("main").getByRole("button", {name: t.empty.url})},
])("the dialog $name", ({name, opener}) => {
  it("is opened by Enter, keeps the focus, and gives it back at Escape", async () => {
    await opener(page).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", {name}).waitFor();
    // Between the last and the first the focus may be with the browser itself, which the body stands for.
    const outside = () =>
      page.evaluate(() => {
        const {activeElement: one, body} = document;
        return one === null || one === body || one.closest("dialog[open]") ? null : one.outerHTML.slice(0, 200);
      });
    for (let i = 0; i < 15; i++) {
      expect(await outside()).toBeNull();
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({state: "detached"});

    expect(await opener(page).evaluate((one) => one === document.activeElement)).toBe(true);
  });
});
