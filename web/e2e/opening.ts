/** A page for each test of a file. */

import type {Browser} from "playwright-core";
import {afterAll, afterEach, beforeAll, beforeEach, expect} from "vitest";

import {type Setting, startBrowser, type Visit, visit} from "./browser";

/** Open the page anew before each test, in one browser for all of them; after each, nothing must have happened that may not. */
export function openForEach(setting: Setting, take: (open: Visit) => void): void {
  let browser: Browser;
  let open: Visit;

  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    open = await visit(browser, setting);
    take(open);
    await open.page.locator(".beginnings .picture").first().waitFor();
  });
  afterEach(async () => {
    await open.page.unrouteAll({behavior: "ignoreErrors"});
    expect(open.faults).toEqual([]);
    await open.context.close();
  });
}
