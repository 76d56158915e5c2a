/** Who asks: signing in can be put off and taken up again, and after signing out nothing is left of what was shown. */

import type {Page} from "playwright-core";
import {beforeEach, describe, expect, it} from "vitest";

import {codesEn} from "../page/src/i18n/codes.en";
import {TEXTS} from "./browser";
import {expectSoon, searchFromStored} from "./doing";
import {openForEach} from "./opening";

let page: Page;
const t = TEXTS.en;

openForEach({size: "desktop", language: "en"}, (open) => (page = open.page));

/** A service that wants a key. */
beforeEach(async () => {
  await page.route("**/v1/**", async (route) => {
    const {authorization, ...headers} = route.request().headers();
    if (authorization !== "Bearer right") return route.fulfill({status: 401, json: {code: "not_authenticated", detail: "a key is needed"}});
    return route.fulfill({response: await route.fetch({headers})});
  });
  await page.reload();
  await page.getByLabel(t.credential.label).waitFor();
});

async function signIn(): Promise<void> {
  await page.getByLabel(t.credential.label).fill("right");
  await page.getByRole("button", {name: t.credential.submit}).click();
  await page.locator(".beginnings img").first().waitFor();
}

describe("signing in", () => {
  it("that is put off is told, and can be taken up again", async () => {
    await page.keyboard.press("Escape");
    const problem = page.locator(".problem", {hasText: codesEn.problems.not_authenticated[0]});
    await problem.waitFor();

    await problem.getByRole("button", {name: t.bar.signIn}).click();

    await signIn();
    expect(await page.locator(".problem").count()).toBe(0);
  });
});

describe("signing out", () => {
  it("leaves nothing of what was shown, also on the way back", async () => {
    await signIn();
    await searchFromStored(page);
    await page.locator(".card").first().hover();
    await page.locator(".card").first().getByRole("button", {name: t.card.compare}).click();
    await page.getByRole("button", {name: t.bar.signOut}).click();
    await page.getByLabel(t.credential.label).waitFor();
    await page.keyboard.press("Escape");

    expect(await page.locator(".picture, .tray, .card").count()).toBe(0);
    await page.goBack();
    await expectSoon(() => page.locator("dialog[open], .problem").count(), (count) => expect(count).toBeGreaterThan(0));
    expect(await page.locator(".card, .thumbnail img").count()).toBe(0);
  });
});
