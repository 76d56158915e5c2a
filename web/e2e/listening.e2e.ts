/** What a screen reader says: every answer is told, also one that has the same words as the one before. */

import type {Page} from "playwright-core";
import {describe, expect, it} from "vitest";

import {TEXTS} from "./browser";
import {asked, expectSoon, hits, idsOf, searchFromStored} from "./doing";
import {openForEach} from "./opening";

let page: Page;
const t = TEXTS.en;

openForEach({size: "desktop", language: "en"}, (open) => (page = open.page));

/** All that the live region says from now on. */
async function listen(): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const said: string[] = [];
    Object.assign(globalThis, {said});
    const region = document.querySelector("p.unseen[role=status]")!;
    const keep = (words: string) => words && said.push(words);
    new MutationObserver(() => keep(region.textContent!.trim())).observe(region, {childList: true, characterData: true, subtree: true});
  });
  return () => page.evaluate(() => (globalThis as unknown as {said: string[]}).said);
}

const once = async () => {
  await page.route("**/search", async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as {hits: unknown[]};
    await route.fulfill({response, json: {...body, hits: body.hits.slice(0, 24), has_more: false}});
  });
};

describe("an answer", () => {
  it("is told each time, also with as many hits as the one before", async () => {
    await once();
    const said = await listen();
    await searchFromStored(page);
    const [, second] = await idsOf(page);
    await expectSoon(said, (words) => expect(words).toEqual([t.results.announce(24)]));
    await page.locator(`.card[data-id="${second}"] .picture`).click();
    await expectSoon(() => asked(page).get("id"), (id) => expect(id).toBe(second));
    await hits(page);

    await expectSoon(said, (words) => expect(words).toEqual([t.results.announce(24), t.results.announce(24)]));
  });

  it("that one goes back to is told as what it is, not as more of the one before", async () => {
    await searchFromStored(page);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.locator(".card").nth(30).waitFor();
    await hits(page);
    const many = await page.locator(".card").count();
    await once();
    await page.evaluate(() => scrollTo(0, 0));
    await page.getByLabel(t.results.collapse).check();
    await expectSoon(() => page.locator(".card").count(), (count) => expect(count).toBeLessThan(many));
    await hits(page);
    const said = await listen();

    await page.goBack();
    await expectSoon(() => page.locator(".card").count(), (count) => expect(count).toBeGreaterThanOrEqual(many));

    await expectSoon(said, (words) => expect(words[0]).toBe(t.results.announce(many)));
  });
});
