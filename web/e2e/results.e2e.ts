/** What can be done with the hits. */

import type {Page} from "playwright-core";
import {beforeEach, describe, expect, it} from "vitest";

import {SERVICE, TEXTS} from "./browser";
import {asked, CARDS, chooseFile, expectSoon, hits, idsOf, searchFromStored} from "./doing";
import {openForEach} from "./opening";

let page: Page;
const t = TEXTS.en;

openForEach({size: "desktop", language: "en", reducedMotion: true}, (open) => (page = open.page));
beforeEach(async () => {
  await searchFromStored(page);
});

describe("an answer", () => {
  it.each([true, false, null])("says that there is nothing like the query where the service says %s", async (said) => {
    await page.route("**/search", async (route) => {
      const response = await route.fetch();
      await route.fulfill({response, json: {...((await response.json()) as object), nothing_like_it: said}});
    });

    const answered = page.waitForResponse("**/search");
    await page.locator(CARDS).nth(1).locator(".picture").click();
    await answered;
    await hits(page);
    const note = page.locator("#results").getByText(t.results.nothingLikeIt);
    if (said === true) await note.waitFor();

    expect(await note.count()).toBe(said === true ? 1 : 0);
    expect(await page.locator(CARDS).count()).toBeGreaterThan(3);
  });
});

describe("a hit", () => {
  it("shows its name and similarity, and is searched from by a click; back leads back", async () => {
    const before = await idsOf(page);
    const card = page.locator(CARDS).nth(2);
    expect(await card.locator(".card-name").innerText()).toMatch(/\.\w+$/);
    expect(Number(await card.locator(".card-line .number").first().innerText())).toBeGreaterThan(0);

    await card.locator(".picture").click();
    await expectSoon(() => asked(page).get("id"), (id) => expect(id).toBe(before[2]));
    await hits(page);
    expect(await idsOf(page)).not.toContain(before[2]);
    await page.goBack();

    await expectSoon(() => idsOf(page), (ids) => expect(ids).toEqual(before));
  });

  it("is mixed in, more or less, as a chip that can be taken away; all of it stands in the address", async () => {
    const [, second] = await idsOf(page);
    const act = async (id: string, name: string) => {
      // By its id: on the way to the last one more may follow it.
      const card = page.locator(`${CARDS}[data-id="${id}"]`);
      await card.hover();
      await card.getByRole("button", {name}).click();
      await hits(page);
    };

    await act(second!, t.mix.more);
    expect(asked(page).get("more")).toBe(second);
    const unlike = (await idsOf(page)).at(-1)!;
    await act(unlike, t.mix.less);
    expect(asked(page).get("less")).toBe(unlike);
    const mixed = await idsOf(page);
    await page.reload();
    await hits(page);
    // As many as both show: scrolling to the last had brought more.
    const again = await idsOf(page);
    const count = Math.min(again.length, mixed.length);
    expect(again.slice(0, count)).toEqual(mixed.slice(0, count));
    await page.getByRole("button", {name: t.mix.removeLess}).click();
    await page.getByRole("button", {name: t.mix.removeMore}).click();

    await expectSoon(() => [...asked(page).keys()], (keys) => expect(keys).toEqual(["id"]));
  });

  it("is reached, mixed in and compared by keys alone", async () => {
    const ids = await idsOf(page);
    await page.locator(`${CARDS} .picture`).first().focus();
    const focused = () => page.evaluate(() => document.activeElement?.closest("li")?.dataset["id"]);

    await page.keyboard.press("ArrowRight");
    expect(await focused()).toBe(ids[1]);
    await page.keyboard.press("ArrowDown");
    const below = await focused();
    expect(ids.indexOf(below!)).toBeGreaterThan(1);
    await page.keyboard.press("ArrowUp");
    expect(ids.indexOf((await focused())!)).toBeLessThan(ids.indexOf(below!));
    await page.keyboard.press("End");
    expect(ids.indexOf((await focused())!)).toBeGreaterThan(ids.indexOf(below!));
    await page.keyboard.press("Home");
    await page.keyboard.press("+");
    expect(asked(page).get("more")).toBe(ids[0]);
    await hits(page);
    await page.keyboard.press("c");
    await page.locator(".tray").waitFor();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("c");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({state: "detached"});
    await page.keyboard.press("Enter");

    await expectSoon(() => asked(page).get("more"), (more) => expect(more).toBeNull());
  });

  it("is announced to those who listen", async () => {
    await expectSoon(() => page.locator("p[role=status]").innerText(), (text) => expect(text).toMatch(/\d+ pictures found/));
  });
});

describe("the picture that is searched with", () => {
  it("is left out of its own hits, of which there are as many as were asked for, and shown where that is wanted", async () => {
    const own = asked(page).get("id")!;
    expect(await idsOf(page)).toHaveLength(24);
    expect(await idsOf(page)).not.toContain(own);
    await page.getByText(t.own.ofCollection(false)).waitFor();
    const compared = await page.locator(".fact", {has: page.getByText(t.status.scanned, {exact: true})}).locator("dd").innerText();
    const [scanned, all] = compared.split(" of ").map((count) => Number(count.replaceAll(",", "")));
    expect(scanned).toBeLessThanOrEqual(all!);

    await page.getByRole("button", {name: t.own.show}).click();
    await expectSoon(() => idsOf(page), (ids) => expect(ids[0]).toBe(own));
    expect(asked(page).get("own")).toBe("shown");
    await page.getByRole("button", {name: t.own.leaveOut}).click();

    await expectSoon(() => idsOf(page), (ids) => expect(ids).not.toContain(own));
  });

  it.each(["browser", "server"])("is known by its bytes where it is the person's own file, with vectors by the %s", async (place) => {
    const id = asked(page).get("id")!;
    const response = await page.request.get(`${SERVICE}/v1/collections/demo/images/${id}/file`);
    await page.evaluate((chosen) => localStorage.setItem("lookalike.where", chosen), place);
    await page.goto(SERVICE);

    await chooseFile(page, await response.body());
    await hits(page);

    expect(await idsOf(page)).toHaveLength(24);
    expect(await idsOf(page)).not.toContain(id);
    await page.getByText(t.own.isThere(false)).waitFor();
    await page.getByRole("button", {name: t.own.show}).click();
    await expectSoon(() => idsOf(page), (ids) => expect(ids[0]).toBe(id));
  });
});

describe("two pictures", () => {
  it("are magnified and moved in step", async () => {
    for (const place of [0, 3]) {
      await page.locator(CARDS).nth(place).hover();
      await page.locator(CARDS).nth(place).getByRole("button", {name: t.card.compare}).click();
    }
    await page.locator(".pane img").nth(1).waitFor();
    const transforms = () => page.locator(".pane img").evaluateAll((all) => all.map((one) => (one as HTMLElement).style.transform));

    await page.getByRole("button", {name: t.compare.zoomIn}).click();
    const pane = (await page.locator(".pane").first().boundingBox())!;
    await page.mouse.move(pane.x + 40, pane.y + 40);
    await page.mouse.wheel(0, -300);
    await page.mouse.down();
    await page.mouse.move(pane.x + 120, pane.y + 90, {steps: 3});
    await page.mouse.up();
    await expectSoon(transforms, ([one, other]) => {
      expect(one).toMatch(/^scale\([2-9]/);
      expect(other).toBe(one);
    });
    await page.locator(".panes").focus();
    await page.keyboard.press("0");

    await expectSoon(transforms, ([all]) => expect(all).toMatch(/^scale\(1\)/));
  });
});

describe("the list", () => {
  it("grows as one scrolls, without end and without doubles", async () => {
    const all = await page.locator(".count").innerText();
    const total = Number(/of ([\d,]+)/.exec(all)![1]!.replace(",", ""));

    for (let i = 0; i < 120 && (await page.locator(CARDS).count()) < total; i++) {
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
      await page.waitForTimeout(150);
    }
    await page.getByText(t.results.end).waitFor();

    const ids = await idsOf(page);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBe(total);
  });

  it("fetches small pictures only as they come near", async () => {
    await page.locator(`${CARDS} img`).nth(3).waitFor();
    await page.waitForTimeout(1_000); // in which the others would come
    const fetched = await page.locator(`${CARDS} img`).count();

    expect(fetched).toBeLessThan(await page.locator(CARDS).count());
  });

  it("takes another number at a time and folds near-identical ones", async () => {
    await page.getByLabel(t.results.perPage).selectOption("12");
    await page.getByLabel(t.results.collapse).check();
    await hits(page);

    expect(asked(page).get("k")).toBe("12");
    expect(asked(page).get("collapse")).toBe("group");
  });
});

describe("a filter", () => {
  it("is built from fields, holds, stands in the address, and is removed", async () => {
    await page.getByRole("button", {name: t.filter.heading}).click();
    await page.getByLabel(t.filter.field, {exact: true}).fill("width");
    await page.getByLabel(t.filter.operator, {exact: true}).selectOption("gt");
    await page.getByLabel(t.filter.value, {exact: true}).fill("1000000");
    await page.getByRole("button", {name: t.filter.apply}).click();

    await page.getByText(t.results.noneFiltered(true)).waitFor();
    expect(JSON.parse(asked(page).get("filter")!)).toEqual({width: {gt: 1_000_000}});
    await page.getByRole("button", {name: t.results.removeFilter}).click();
    await hits(page);
  });

  it("offers the fields that the service says one may ask for, no more, and each of them is answered", async () => {
    const offered = () => page.locator("#fields option").evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value));
    const facts = (await (await page.request.get(`${SERVICE}/v1/collections/demo`)).json()) as {fields: string[]};
    await page.getByRole("button", {name: t.filter.heading}).click();
    await expectSoon(offered, (fields) => expect(fields).toEqual(facts.fields));
    for (const field of await offered()) {
      const reply = await page.request.post(`${SERVICE}/v1/collections/demo/search`, {data: {id: asked(page).get("id"), filter: {[field]: {exists: true}}}});
      expect(reply.status(), field).toBe(200);
    }

    await page.route("**/v1/collections/demo", (route) => route.fulfill({json: {...facts, fields: ["width", "shop"]}}));
    await page.getByRole("button", {name: t.filter.heading}).click();
    await page.getByRole("button", {name: t.filter.heading}).click();
    await expectSoon(offered, (fields) => expect(fields).toEqual(["width", "shop"]));
  });

  it("with the same condition twice is not asked half: it says which one stands twice", async () => {
    await page.getByRole("button", {name: t.filter.heading}).click();
    await page.getByRole("button", {name: t.filter.add}).click();
    for (const place of [0, 1]) {
      await page.getByLabel(t.filter.field).nth(place).fill("name");
      await page.getByLabel(t.filter.value).nth(place).fill(`${place}`);
    }
    await page.getByRole("button", {name: t.filter.apply}).click();
    await page.getByText(t.filter.twice("name", t.filter.operators.eq)).waitFor();
    expect(asked(page).has("filter")).toBe(false);

    await page.locator(".condition").nth(1).getByRole("combobox", {name: t.filter.operator}).selectOption("ne");
    await page.getByRole("button", {name: t.filter.apply}).click();
    await page.getByRole("button", {name: `${t.filter.heading}: ${t.filter.active(2)}`}).waitFor();
  });

  it("is written as JSON, and an error is told in the service's words", async () => {
    await page.getByRole("button", {name: t.filter.heading}).click();
    await page.getByRole("button", {name: t.filter.asJson}).click();
    const field = page.getByLabel(t.filter.json);

    await field.fill("{no JSON");
    await page.getByRole("button", {name: t.filter.apply}).click();
    await page.getByText(t.filter.unreadableAt(1, 2)).waitFor();
    await field.fill('{"width": {"bigger": 3}}');
    await page.getByRole("button", {name: t.filter.apply}).click();
    await expectSoon(() => page.locator(".problem").innerText(), (text) => expect(text.toLowerCase()).toContain("width"));
    await field.fill('{"or": [{"width": {"gte": 10}}, {"label": {"exists": true}}]}');
    await page.getByRole("button", {name: t.filter.apply}).click();
    await hits(page);

    expect(await page.locator(".problem").count()).toBe(0);
  });
});

describe("what others wrote", () => {
  it("is shown as text and never run", async () => {
    const hostile = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>';
    await page.route("**/search", async (route) => {
      const response = await route.fetch();
      const body = await response.json();
      for (const hit of body.hits) Object.assign(hit, {name: hostile, metadata: {[hostile]: hostile}});
      await route.fulfill({response, json: body});
    });
    await page.reload();
    await hits(page);
    for (const place of [0, 1]) {
      await page.locator(CARDS).nth(place).hover();
      await page.locator(CARDS).nth(place).getByRole("button", {name: t.card.compare}).click();
    }
    await page.getByRole("dialog").waitFor();

    expect(await page.locator(".hit-facts").first().innerText()).toContain(hostile);
    expect(await page.evaluate(() => "hurt" in window)).toBe(false);
  });
});

describe("the collection", () => {
  it("can be another one", async () => {
    const made = await page.request.put(`${SERVICE}/v1/collections/another-one`);
    expect(made.ok()).toBe(true);
    await page.goto(SERVICE);

    await page.getByLabel(t.bar.collection).selectOption("another-one");

    await page.getByText(t.empty.noPictures).waitFor();
    expect(asked(page).get("c")).toBe("another-one");
    await page.request.delete(`${SERVICE}/v1/collections/another-one`);
  });
});
