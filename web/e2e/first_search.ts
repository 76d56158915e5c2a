/**
 * How long the first search with a picture of one's own takes, in a browser that has seen the page just now and never before.
 *
 *     node first_search.js URL PICTURE PLACE ROUNDS
 *
 * PLACE is where vectors are computed: auto, browser, server. One line of JSON for each round: seconds from choosing the
 * picture to its hits, and kilobytes that came before it and until the hits were there. The network is that of Lighthouse's
 * slow 4G: 1.6 Mbit/s down, 0.75 Mbit/s up, 150 ms for a request and its answer.
 */

import {chromium} from "playwright-core";

const NETWORK = {offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8};
const MOST_MS = 180_000;

const [url, picture, place, rounds] = process.argv.slice(2) as [string, string, string, string];
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
});
for (let round = 0; round < Number(rounds); round++) console.log(JSON.stringify(await firstSearch()));
await browser.close();

async function firstSearch(): Promise<{seconds: number; kb_before: number; kb_until_hits: number}> {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}, locale: "en-GB"});
  await context.addInitScript((chosen) => localStorage.setItem("lookalike.where", chosen), place);
  const page = await context.newPage();
  page.setDefaultTimeout(MOST_MS);
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", NETWORK);
  let bytes = 0;
  session.on("Network.dataReceived", ({encodedDataLength}) => (bytes += encodedDataLength));
  await page.goto(url);
  await page.locator(".beginnings img").nth(5).waitFor();
  await page.waitForTimeout(1_000);
  const before = bytes;
  const begun = performance.now();
  await page.locator("main input[type=file]").first().setInputFiles(picture);
  await page.locator(".grid:not(.skeleton, .stale) .card").first().waitFor();
  const seconds = (performance.now() - begun) / 1000;
  const untilHits = bytes;
  await context.close();
  return {seconds, kb_before: before / 1000, kb_until_hits: (untilHits - before) / 1000};
}
