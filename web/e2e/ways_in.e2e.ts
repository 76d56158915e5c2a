/** The ways in which a picture comes in, and what is done with it before it is searched with. */

import type {Page} from "playwright-core";
import {describe, expect, it} from "vitest";

import {codesEn} from "../page/src/i18n/codes.en";
import {TEXTS, visit} from "./browser";
import {asked, chooseFile, computeAt, drop, dropPaths, expectSoon, hits, idsOf, queryPicture, searchFromStored, searchWithFile, searchWithPicture} from "./doing";
import {openForEach} from "./opening";
import {drawnPicture} from "./pictures";

let page: Page;
const t = TEXTS.en;
/** Of the pictures that the service was started with. */
const FOLDER = process.env["PICTURES"]!;

openForEach({size: "desktop", language: "en"}, (open) => (page = open.page));

describe("a picture comes in", () => {
  it("dropped anywhere, with a word while it hovers", async () => {
    const file = await drawnPicture(page);

    await drop(page, "main", {file}, {release: false});
    await page.getByText(t.empty.dropNow).waitFor();
    await drop(page, "main", {file});

    await hits(page);
    expect(asked(page).get("picture")).toMatch(/^[0-9a-f]{16}$/);
  });

  it("pasted", async () => {
    const base64 = (await drawnPicture(page)).toString("base64");

    await page.evaluate((text) => {
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      data.items.add(new File([bytes], "pasted.jpg", {type: "image/jpeg"}));
      document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
    }, base64);

    await hits(page);
    expect(asked(page).has("picture")).toBe(true);
  });

  it("from the clipboard, by Ctrl+V and by the button", async () => {
    await page.evaluate(async () => {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 64;
      canvas.getContext("2d")!.fillRect(8, 8, 30, 30);
      const blob = await new Promise<Blob>((done) => canvas.toBlob((made) => done(made!)));
      await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
    });

    await page.keyboard.press("Control+v");
    await hits(page);
    const key = asked(page).get("picture");
    await page.locator(".brand").click();
    await page.locator("main").getByRole("button", {name: t.source.paste}).click();
    await hits(page);

    expect(asked(page).get("picture")).toBe(key);
  });

  it("from the camera", async () => {
    await page.getByRole("button", {name: t.empty.camera}).click();
    await page.getByRole("button", {name: t.camera.shoot}).click();

    await hits(page);
    expect(asked(page).has("picture")).toBe(true);
  });

  it("from an address, which the service refuses where it is not public, and says why", async () => {
    await page.getByRole("button", {name: t.empty.url}).click();
    await page.getByLabel(t.source.url).fill("http://127.0.0.1:9/cat.jpg");
    await page.getByRole("button", {name: t.source.urlSearch, exact: true}).click();

    const problem = page.locator(".problem");
    await problem.waitFor();
    expect(await problem.innerText()).toContain(t.problem.heading);
    expect(asked(page).get("url")).toBe("http://127.0.0.1:9/cat.jpg");
    expect(await page.locator(".address").innerText()).toBe("http://127.0.0.1:9/cat.jpg");
  });

  it("as an address that is dropped", async () => {
    const sent = page.waitForRequest(/\/search$/);

    await drop(page, "main", {text: "https://pictures.example/cat.jpg"});

    expect((await sent).postDataJSON()).toMatchObject({image_url: "https://pictures.example/cat.jpg"});
  });

  it("as a folder is not taken, and the page says what to do with it", async () => {
    await dropPaths(page, "main", [FOLDER]);

    await page.locator(".problem").getByText(codesEn.problems.folder[0]).waitFor();
    expect(asked(page).has("picture")).toBe(false);
  });

  it.each(["browser", "server"] as const)("of 30 megapixels and as heavy as a photo, with vectors by the %s", async (place) => {
    await computeAt(page, place);
    const photo = await drawnPicture(page, {width: 6_708, height: 4_472, seed: 31, grain: true});
    expect(photo.length).toBeGreaterThan(4_000_000);

    await searchWithFile(page, photo);

    await page.locator(".status", {hasText: place === "browser" ? t.status.whereBrowser : t.status.whereServer}).waitFor();
    await (await queryPicture(page)).waitFor();
  });

  it("and what is no picture is turned away with a word", async () => {
    await chooseFile(page, Buffer.from("<svg onload=alert(1)>"), "notes.txt", "text/plain");

    await page.getByText(codesEn.problems.not_a_picture[0]).waitFor();
  });

  it("and a broken one is refused with the reason and what to do", async () => {
    await chooseFile(page, Buffer.from("no JPEG at all"), "broken.jpg", "image/jpeg");

    await page.locator(".problem").waitFor();
    await page.getByText(codesEn.problems.not_an_image[1]).waitFor();
  });
});

describe("a part of the picture", () => {
  it("is drawn with the mouse, moved, sized by a corner, and given up", async () => {
    await computeAt(page, "browser"); // in "Auto" the service answers first, of a small copy
    await searchWithPicture(page);
    const before = await idsOf(page);
    const box = (await (await queryPicture(page)).boundingBox())!;
    const at = (x: number, y: number) => [box.x + box.width * x, box.y + box.height * y] as const;
    const drag = async (from: readonly [number, number], to: readonly [number, number]) => {
      await page.mouse.move(...from);
      await page.mouse.down();
      await page.mouse.move((from[0] + to[0]) / 2, (from[1] + to[1]) / 2);
      await page.mouse.move(...to);
      await page.mouse.up();
    };

    await drag(at(0.1, 0.1), at(0.5, 0.6));
    await expectSoon(() => cropOf(page), (crop) => expect(crop).toEqual([0.1, 0.1, 0.4, 0.5].map((share) => expect.closeTo(share, 1))));
    await drag(at(0.3, 0.3), at(0.5, 0.5));
    await expectSoon(() => cropOf(page), (crop) => expect(crop).toEqual([0.3, 0.3, 0.4, 0.5].map((share) => expect.closeTo(share, 1))));
    await drag(at(0.7, 0.8), at(0.9, 0.9));
    await expectSoon(() => cropOf(page), (crop) => expect(crop).toEqual([0.3, 0.3, 0.6, 0.6].map((share) => expect.closeTo(share, 1))));
    await hits(page);
    await page.getByRole("button", {name: t.crop.all}).click();
    await hits(page);

    expect(asked(page).has("crop")).toBe(false);
    expect(await idsOf(page)).toEqual(before);
  });

  it("is chosen with the keyboard", async () => {
    await searchWithPicture(page);
    await queryPicture(page);
    const stage = page.getByRole("application", {name: t.crop.label});

    await stage.focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Shift+ArrowDown");
    await expectSoon(() => cropOf(page), (crop) => expect(crop).toEqual([0.17, 0.15, 0.7, 0.72]));
    expect(await stage.getAttribute("aria-label")).toContain("17");
    await page.keyboard.press("Escape");

    await expectSoon(() => asked(page).has("crop"), (has) => expect(has).toBe(false));
  });

  it("is chosen with a finger, and of a stored picture, too", async () => {
    const phone = await visit(page.context().browser()!, {size: "phone", language: "en"});
    await searchFromStored(phone.page);
    await phone.page.getByRole("button", {name: t.crop.on}).tap();
    await expectSoon(() => cropOf(phone.page), (crop) => expect(crop).toEqual([0.15, 0.15, 0.7, 0.7]));
    await hits(phone.page);
    await queryPicture(phone.page);

    const box = (await phone.page.locator(".crop-box").boundingBox())!;
    const touch = await phone.context.newCDPSession(phone.page);
    const points = (x: number, y: number) => [{x: box.x + x, y: box.y + y}];
    await touch.send("Input.dispatchTouchEvent", {type: "touchStart", touchPoints: points(box.width, box.height)});
    await touch.send("Input.dispatchTouchEvent", {type: "touchMove", touchPoints: points(box.width * 0.8, box.height * 0.7)});
    await touch.send("Input.dispatchTouchEvent", {type: "touchMove", touchPoints: points(box.width * 0.5, box.height * 0.5)});
    await touch.send("Input.dispatchTouchEvent", {type: "touchEnd", touchPoints: []});

    await expectSoon(() => cropOf(phone.page), (crop) => expect(crop).toEqual([0.15, 0.15, 0.35, 0.35].map((share) => expect.closeTo(share, 1))));
    await phone.context.close();
  });
});

describe("the address", () => {
  it("brings a dropped picture back after reload, back and forward", async () => {
    await computeAt(page, "browser");
    await searchWithPicture(page, 1);
    const first = await idsOf(page);
    const key = asked(page).get("picture");
    await page.reload();
    await hits(page);
    expect(await idsOf(page)).toEqual(first);

    await searchWithPicture(page, 7);
    expect(asked(page).get("picture")).not.toBe(key);
    await page.goBack();
    await expectSoon(() => asked(page).get("picture"), (now) => expect(now).toBe(key));
    await hits(page);
    expect(await idsOf(page)).toEqual(first);
    await page.goForward();
    await expectSoon(() => asked(page).get("picture"), (now) => expect(now).not.toBe(key));
    await page.getByText("does not carry it along").waitFor();
  });

  it("says of a picture of another browser that it lies there", async () => {
    await page.goto(new URL("/?picture=0123456789abcdef", page.url()).href);

    await page.locator(".note", {hasText: t.source.lost}).waitFor();
  });
});

function cropOf(from: Page): number[] {
  return (asked(from).get("crop") ?? "").split(",").map(Number);
}
