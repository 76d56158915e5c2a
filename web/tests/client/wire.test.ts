import {readFileSync} from "node:fs";

import {describe, expect, test} from "vitest";

interface Schema {
  properties: {[name: string]: unknown};
  required?: string[];
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const SOURCE = read("../../client/types.ts");
const OPENAPI = JSON.parse(read("../../../docs/reference/openapi.json")) as {components: {schemas: {[name: string]: Schema}}};

/** Interface here -> schema there. */
const SAME = {
  Session: "Session",
  Ticket: "Ticket",
  IndexFacts: "IndexFacts",
  CollectionFacts: "CollectionFacts",
  UnreadableCollection: "UnreadableCollection",
  ModelCard: "Model",
  ImageFacts: "Picture",
  Remark: "Remark",
  Fault: "Fault",
  Hit: "Hit",
  Reply: "SearchReply",
  Condition: "Condition",
  ItemResult: "ItemResult",
  PresignedPut: "Put",
  Upload: "Upload",
  UploadResult: "Completed",
  Job: "Job",
  ProblemBody: "Problem",
};

/** Name of a field -> whether it is always there, of an interface and those that it extends. */
function fields(name: string): {[field: string]: boolean} {
  const found = new RegExp(`export interface ${name}(?: extends (\\w+))? \\{\\n(.*?)\\n\\}`, "s").exec(SOURCE);
  if (found === null) throw new Error(`there is no interface ${name}`);
  const own = [...found[2]!.matchAll(/^ {2}(\w+)(\??):/gm)].map(([, field, maybe]) => [field!, maybe === ""] as const);
  return {...(found[1] ? fields(found[1]) : {}), ...Object.fromEntries(own)};
}

describe("the wire format is that of the OpenAPI document", () => {
  test.each(Object.entries(SAME))("%s is %s", (name, schema) => {
    const {properties, required = []} = OPENAPI.components.schemas[schema]!;

    const expected = Object.fromEntries(Object.keys(properties).map((field) => [field, required.includes(field)]));

    expect(fields(name)).toEqual(expected);
  });
});
