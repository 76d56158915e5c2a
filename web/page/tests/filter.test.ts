import {readFileSync} from "node:fs";

import {describe, expect, it} from "vitest";

import {askedTwice, conditionsIn, jsonToRows, OPERATORS, readRaw, type Row, rowsToJson} from "../src/state/filter";

describe("rows of the form", () => {
  const cases: [Row[], object | null][] = [
    [[], null],
    [[{field: " ", operator: "eq", value: "x"}], null],
    [[{field: "label", operator: "eq", value: "cat"}], {label: {eq: "cat"}}],
    [
      [
        {field: "width", operator: "gte", value: "800"},
        {field: "width", operator: "lt", value: "900.5"},
      ],
      {width: {gte: 800, lt: 900.5}},
    ],
    [[{field: "label", operator: "eq", value: '"800"'}], {label: {eq: "800"}}],
    [[{field: "label", operator: "in", value: "a, b ,3"}], {label: {in: ["a", "b", 3]}}],
    [[{field: "label", operator: "in", value: "猫，狗, 3"}], {label: {in: ["猫", "狗", 3]}}],
    [[{field: "label", operator: "exists", value: "false"}], {label: {exists: false}}],
    [[{field: "name", operator: "like", value: "12%"}], {name: {like: "12%"}}],
    [[{field: "label", operator: "eq", value: "007"}], {label: {eq: "007"}}],
  ];

  it.each(cases)("%j are the JSON %j", (rows, json) => {
    expect(rowsToJson(rows)).toEqual(json);
  });

  it("keep a field that is named as an object's own", () => {
    const filter = rowsToJson([{field: "constructor", operator: "eq", value: "x"}]);

    expect(JSON.stringify(filter)).toBe('{"constructor":{"eq":"x"}}');
  });
});

it("tells which condition stands twice, as the JSON cannot say it", () => {
  const rows: Row[] = [
    {field: "", operator: "eq", value: ""},
    {field: "", operator: "eq", value: ""},
    {field: "name", operator: "like", value: "a%"},
    {field: "name", operator: "eq", value: "b"},
  ];

  expect(askedTwice(rows)).toBeNull();
  expect(askedTwice([...rows, {field: " name ", operator: "like", value: "%b"}])).toEqual({field: "name", operator: "like", value: "%b"});
});

it("counts conditions as the form shows them", () => {
  expect(conditionsIn({width: {gte: 800, lt: 900}, label: {eq: "cat"}})).toBe(3);
  expect(conditionsIn({or: [{label: {eq: "a"}}, {label: {eq: "b"}}]})).toBe(1);
});

describe("JSON as rows", () => {
  const sayable = [
    {label: {eq: "cat"}},
    {label: {eq: "800"}, width: {gte: 800}},
    {label: {in: ["a", 3, "4"]}},
    {label: {exists: true}},
    {label: "cat"},
  ];

  it.each(sayable)("comes back as it was: %j", (filter) => {
    const rows = jsonToRows(filter);

    expect(rows).not.toBeNull();
    const expected = typeof filter.label === "string" ? {label: {eq: filter.label}} : filter;
    expect(rowsToJson(rows!)).toEqual(expected);
  });

  const unsayable = [
    {or: [{label: {eq: "a"}}]},
    {label: {in: ["a,b"]}},
    {label: {in: ["甲，乙"]}},
    {label: {unknown: 1}},
    {label: {eq: {deep: 1}}},
    {label: {eq: null}},
  ];

  it.each(unsayable)("is left to the JSON field: %j", (filter) => {
    expect(jsonToRows(filter)).toBeNull();
  });

  it("is read, or said why not", () => {
    expect(readRaw("")).toEqual({filter: null});
    expect(readRaw("{}")).toEqual({filter: null});
    expect(readRaw('{"a": 1}')).toEqual({filter: {a: 1}});
    expect(readRaw("[1]")).toEqual({unreadable: {line: 1, column: 1}});
    expect(readRaw('{"a": 1,\n b: 1}')).toEqual({unreadable: {line: 2, column: 2}});
    expect(readRaw('{"a"')).toHaveProperty("unreadable");
  });
});

describe("operators", () => {
  it("are those of the OpenAPI document, and take what it says", () => {
    const document = readFileSync(new URL("../../../docs/reference/openapi.json", import.meta.url), "utf8");
    const {Condition} = JSON.parse(document).components.schemas;
    const taken = ({type, description}: {type: string | string[]; description: string}) => {
      if (Array.isArray(type)) return "one";
      if (type === "string") return description.includes("Takes a text with *") ? "pattern" : "one";
      return {array: "list", boolean: "truth"}[type];
    };

    const expected = Object.entries(Condition.properties).map(([name, schema]) => [name, taken(schema as never)]);

    expect({...OPERATORS}).toEqual(Object.fromEntries(expected));
  });
});
