import {readFileSync} from "node:fs";

import {afterEach, describe, expect, it} from "vitest";

import {type Advice, codesEn} from "../src/i18n/codes.en";
import {codesZh} from "../src/i18n/codes.zh";
import {en} from "../src/i18n/en";
import {language} from "../src/i18n/language";
import {adviceOf, sayAll, sayFault, wordFor} from "../src/i18n/said";
import {zh} from "../src/i18n/zh";

type Named = {[code: string]: string[]};
type Codes = {ProblemCode: Named; FaultCode: Named; PlanCode: Named; ReasonCode: Named; ViewFault: Named; Op: string[]; Field: string[]; Stage: string[]; UploadState: string[]};

const CODES = JSON.parse(readFileSync(new URL("../../../docs/reference/codes.json", import.meta.url), "utf8")) as Codes;
const DICTIONARIES = {en: codesEn, zh: codesZh};
/** Of the page and its client, not of the service. */
const OWN = ["unreachable", "page", "not_a_picture", "nothing_given", "nothing_pasted", "folder", "no_address", "long_address"];

const bare = (codes: string[]): Named => Object.fromEntries(codes.map((code) => [code, []]));
const KINDS: [string, Named][] = [
  ["problems", CODES.ProblemCode],
  ["faults", CODES.FaultCode],
  ["plans", CODES.PlanCode],
  ["reasons", CODES.ReasonCode],
  ["viewFaults", CODES.ViewFault],
  ["stages", bare(CODES.Stage)],
  ["fields", bare(CODES.Field)],
];

const wordsOf = (entry: string | Advice): string => (typeof entry === "string" ? entry : entry.join(" "));
const placeholders = (text: string): string[] => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!))].sort();

afterEach(() => (language.value = "en"));

describe.each(Object.entries(DICTIONARIES))("the words in %s", (tongue, dictionary) => {
  it.each(KINDS)("stand for every code of the service among %s, with the values that come with it", (kind, codes) => {
    const words = dictionary[kind as keyof typeof dictionary] as {[code: string]: string | Advice};

    expect(Object.keys(words).filter((code) => kind !== "problems" || !OWN.includes(code)).sort()).toEqual(Object.keys(codes).sort());
    for (const [code, names] of Object.entries(codes)) {
      const text = wordsOf(words[code]!);
      const optional = names.filter((name) => name.endsWith("?")).map((name) => name.slice(0, -1));
      const required = names.filter((name) => !name.endsWith("?"));
      expect([...required, ...optional], code).toEqual(expect.arrayContaining(placeholders(text)));
      // Outside of brackets only what is always there.
      expect(required, code).toEqual(expect.arrayContaining(placeholders(text.replace(/\[[^\]]*\]/g, ""))));
      if (tongue === "zh" && kind !== "fields") expect(text, code).toMatch(/[\u4e00-\u9fff]/);
    }
  });
});

it("operators and the states of an upload have words in both languages", () => {
  for (const {filter, upload} of [en, zh]) {
    expect(Object.keys(filter.operators).sort()).toEqual([...CODES.Op].sort());
    expect(Object.keys(upload.states)).toEqual(expect.arrayContaining(CODES.UploadState));
  }
});

it("both languages name the same values of each code", () => {
  for (const kind of Object.keys(codesEn) as (keyof typeof codesEn)[]) {
    const [english, chinese] = [codesEn[kind], codesZh[kind]] as {[code: string]: string | Advice}[];
    for (const code of Object.keys(english!)) {
      expect(placeholders(wordsOf(chinese![code]!)), `${kind}.${code}`).toEqual(placeholders(wordsOf(english![code]!)));
    }
  }
});

it("Chinese has Chinese punctuation, and a space beside Latin letters and digits", () => {
  for (const words of Object.values(codesZh)) {
    for (const [code, entry] of Object.entries(words)) {
      const text = wordsOf(entry);
      expect(text, code).not.toMatch(/[\u4e00-\u9fff][,;:?!()]|[,;:?!()][\u4e00-\u9fff]/);
      expect(text, code).not.toMatch(/[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]/);
    }
  }
});

describe("values", () => {
  it("are written as the language writes them", () => {
    expect(adviceOf("too_large", {limit_bytes: 50_000_000}).what).toBe("The file is too large: at most 50 MB.");
    language.value = "zh";
    expect(adviceOf("too_large", {limit_bytes: 50_000_000}).what).toBe("文件过大，最大 50 MB。");
    expect(adviceOf("filter_operator", {field: "width", got: "like", known: ["eq", "lt"]}).what).toMatch(/^“宽度”不支持“/);
    expect(sayAll("plans", [{code: "exact_filtered", values: {count: 12345}}, {code: "grouped", values: {}}])).toBe(
      "逐一比较符合筛选条件的 12,345 张；每组取一张",
    );
    expect(sayAll("reasons", [{code: "unusable", values: {refusal: "empty"}}])).toBe("图片不可用：文件是空的");
  });

  it("that are missing leave out what would have said them", () => {
    expect(adviceOf("too_large").what).toBe("The file is too large.");
    expect(sayFault("range", {least: 1})).toBe("is out of range, at least 1");
  });

  it("of codes that are not known are still words", () => {
    expect(adviceOf("of_tomorrow").what).toBe(adviceOf("error").what);
    expect(sayAll("plans", [{code: "of_tomorrow", values: {}}], "as the service says it")).toBe("as the service says it");
    expect(wordFor("fields", "metadata.label")).toBe("metadata.label");
  });
});
