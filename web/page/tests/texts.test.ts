import {readdirSync, readFileSync} from "node:fs";
import {join} from "node:path";
import {fileURLToPath} from "node:url";

import {expect, it} from "vitest";

import {en} from "../src/i18n/en";
import {chooseLanguage, formatShare, language, named, sentences} from "../src/i18n/language";
import {zh} from "../src/i18n/zh";

type Tree = {[name: string]: unknown};

function leaves(tree: Tree, path = ""): [string, unknown][] {
  return Object.entries(tree).flatMap(([name, value]) =>
    typeof value === "object" ? leaves(value as Tree, `${path}${name}.`) : [[`${path}${name}`, value] as [string, unknown]],
  );
}

it("has every text in both languages, and the Chinese ones are Chinese", () => {
  const theirs = new Map(leaves(zh));
  const asInEnglish = ["name", "filter.asJson"];

  for (const [path, text] of leaves(en)) {
    expect(theirs.has(path), path).toBe(true);
    if (typeof text === "string" && !asInEnglish.includes(path)) expect(theirs.get(path), path).toMatch(/[\u4e00-\u9fff]/);
  }
  expect(theirs.size).toBe(leaves(en).length);
});

it("has no text that the page never says", () => {
  const folder = fileURLToPath(new URL("../src", import.meta.url));
  const sources = readdirSync(folder, {recursive: true, encoding: "utf8"}).filter((name) => /\.tsx?$/.test(name) && !/i18n\/(en|zh|codes)/.test(name));
  const code = sources.map((name) => readFileSync(join(folder, name), "utf8")).join("\n");
  // Taken out by a name that is worked out: the stages of the browser, and the states, themes and troubles that have types of their own.
  const byName = /^(status\.stage|upload\.states|filter\.operators|bar\.themes|live\.(denied|noCamera|insecure))/;

  const unsaid = leaves(en).map(([path]) => path).filter((path) => !byName.test(path) && !new RegExp(`[.{, ]${path.split(".").at(-1)}\\b`).test(code));

  expect(unsaid).toEqual([]);
});

it("puts Chinese punctuation into Chinese, whatever the values are", () => {
  const values = ["cat", "dog", "12", "34"];
  for (const [path, text] of leaves(zh)) {
    const said = typeof text === "function" ? String(text(...values)) : String(text);
    expect(said, path).not.toMatch(/[\u4e00-\u9fff][,;:?!()]|[,;:?!()][\u4e00-\u9fff]|[。：，；] /);
  }
  language.value = "zh";
  expect(sentences("第一句。", "", "第二句。")).toBe("第一句。第二句。");
  expect(named("筛选", "2 个条件")).toBe("筛选：2 个条件");
  language.value = "en";
  expect(sentences("One.", "", "Two.")).toBe("One. Two.");
  expect(named("Filter", "2 conditions")).toBe("Filter: 2 conditions");
});

it("speaks the language of the address, else of the browser, else English", () => {
  expect(chooseLanguage("zh", ["en-GB"])).toBe("zh");
  expect(chooseLanguage(null, ["fr", "zh-TW", "en"])).toBe("zh");
  expect(chooseLanguage("xx", ["en-US", "zh"])).toBe("en");
  expect(chooseLanguage(null, ["fr"])).toBe("en");
});

it("never rounds a share up to all", () => {
  expect(formatShare(1)).toBe("100.0%");
  expect(formatShare(0.99996)).toBe("99.9%");
  expect(formatShare(0.4567)).toBe("45.7%");
});
