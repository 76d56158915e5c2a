import {describe, expect, it} from "vitest";

import {asksSomething, fromParams, NOTHING_ASKED, type Question, toParams} from "../src/state/question";

const ID = "a".repeat(64);
const OTHER = "b".repeat(64);

describe("a question in the address", () => {
  const questions: Question[] = [
    NOTHING_ASKED,
    {...NOTHING_ASKED, collection: "demo", source: {kind: "id", id: ID}},
    {...NOTHING_ASKED, source: {kind: "picture", key: "0123456789abcdef"}, crop: {x: 0.1, y: 0.25, width: 0.5, height: 0.75}},
    {...NOTHING_ASKED, source: {kind: "url", url: "https://example.org/a b?c=d&e=f#g"}, k: 48, collapse: "group"},
    {...NOTHING_ASKED, more: [ID], less: [OTHER], filter: {label: {eq: "<script> & 猫"}, or: [{width: {gte: 8}}]}},
  ];

  it.each(questions)("comes back as it was: %j", (question) => {
    const address = toParams(question).toString();

    expect(fromParams(new URLSearchParams(address))).toEqual(question);
  });

  it("is empty where nothing is asked", () => {
    expect(toParams(NOTHING_ASKED).toString()).toBe("");
    expect(asksSomething(NOTHING_ASKED)).toBe(false);
    expect(asksSomething({...NOTHING_ASKED, more: [ID]})).toBe(true);
  });
});

describe("an address that somebody made up", () => {
  const hostile = [
    "c=../../etc/passwd",
    "c=UPPER",
    "id=javascript:alert(1)",
    "picture=<script>",
    "url=javascript:alert(1)",
    "url=file:///etc/passwd",
    "crop=0,0,2,2",
    "crop=0.5,0.5,0.6,0.5",
    "crop=a,b,c,d",
    "crop=0,0,0,1",
    "k=0",
    "k=-3",
    "k=1.5",
    "k=many",
    "filter=[1]",
    "filter={",
    "filter=null",
    "filter={}",
    "more=abc,../..",
    "collapse=everything",
  ];

  it.each(hostile)("is taken as not said: %s", (text) => {
    expect(fromParams(new URLSearchParams(text))).toEqual(NOTHING_ASKED);
  });

  it("asks for no more than can be answered", () => {
    const ids = Array.from({length: 40}, (_, i) => i.toString(16).padStart(64, "0"));

    const {k, more} = fromParams(new URLSearchParams({k: "5000", more: [...ids, ids[0]].join(",")}));

    expect(k).toBe(200);
    expect(more).toEqual(ids.slice(0, 32));
  });
});
