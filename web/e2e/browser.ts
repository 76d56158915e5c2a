/** A Chromium of its own, and pages in it that watch for what must not happen. */

import {mkdir, readFile} from "node:fs/promises";
import {createRequire} from "node:module";
import {join} from "node:path";

import {type Browser, type BrowserContext, chromium, type Page} from "playwright-core";

import {en} from "../page/src/i18n/en";
import {zh} from "../page/src/i18n/zh";

export const SERVICE = process.env["LOOKALIKE_URL"] ?? "http://127.0.0.1:8080";
const SCREENSHOTS = process.env["SCREENSHOTS"];
/** Where the page of a service on servers puts pictures; nowhere else may it ask. */
const STORAGE = process.env["LOOKALIKE_STORAGE"] ?? "";

export const SIZES = {
  desktop: {width: 1280, height: 800},
  phone: {width: 390, height: 844},
} as const;

export const TEXTS = {en, zh} as const;

export type Language = keyof typeof TEXTS;
export type Size = keyof typeof SIZES;
export type Setting = {size: Size; language: Language; theme?: "light" | "dark"; reducedMotion?: boolean};

/** Both widths in both languages. */
export const SETTINGS: readonly Setting[] = [
  {size: "desktop", language: "en", theme: "light"},
  {size: "desktop", language: "zh", theme: "dark"},
  {size: "phone", language: "en", theme: "dark"},
  {size: "phone", language: "zh", theme: "light"},
];

const CAMERAS = {
  allowed: ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"],
  denied: ["--use-fake-ui-for-media-stream=deny", "--use-fake-device-for-media-stream"],
  none: ["--use-fake-ui-for-media-stream"],
};

/** `camera`: whether there is one, a drawn one, and whether it may be used. */
export function startBrowser({camera = "allowed"}: {camera?: keyof typeof CAMERAS} = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
      ...CAMERAS[camera],
    ],
  });
}

export type Visit = {page: Page; context: BrowserContext; faults: string[]};

/** Open the page as somebody with this window and language. `faults` gathers script errors, broken policies, requests elsewhere. */
export async function visit(browser: Browser, setting: Setting, address = "/", service = SERVICE): Promise<Visit> {
  const phone = setting.size === "phone";
  const context = await browser.newContext({
    viewport: SIZES[setting.size],
    locale: setting.language === "zh" ? "zh-CN" : "en-GB",
    colorScheme: setting.theme ?? "light",
    reducedMotion: setting.reducedMotion ? "reduce" : "no-preference",
    hasTouch: phone,
    isMobile: phone,
    permissions: ["camera", "clipboard-read", "clipboard-write"],
  });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy|Refused to|Uncaught/.test(message.text())) {
      faults.push(message.text());
    }
  });
  page.on("request", (request) => {
    const url = request.url();
    const isStored = STORAGE !== "" && request.method() === "PUT" && url.startsWith(`${STORAGE}/`);
    if (!url.startsWith(service) && !isStored && !/^(blob|data):/.test(url)) faults.push(`request elsewhere: ${url}`);
  });
  await page.goto(service + address);
  return {page, context, faults};
}

/** Keep a picture of the page where somebody wants to look at it. */
export async function photograph(page: Page, name: string, o: {whole?: boolean} = {}): Promise<void> {
  if (!SCREENSHOTS) return;
  await mkdir(SCREENSHOTS, {recursive: true});
  await page.screenshot({path: join(SCREENSHOTS, `${name}.png`), fullPage: o.whole ?? false});
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

type Finding = {id: string; impact: string | null; nodes: {target: unknown; failureSummary?: string}[]};

/** What axe finds serious or critical, in words; empty where there is nothing. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.waitForFunction(() => document.getAnimations().every((one) => one.playState !== "running" || one.effect?.getTiming().iterations === Infinity));
  // By the debugger, since the page's policy lets no other script in.
  await page.evaluate(await readFile(AXE, "utf8"));
  const found = (await page.evaluate("axe.run({resultTypes: ['violations']})")) as {violations: Finding[]};
  return found.violations
    .filter(({impact}) => impact === "serious" || impact === "critical")
    .map(({id, impact, nodes}) => `${impact} ${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary ?? ""}`).join("; ")}`);
}
