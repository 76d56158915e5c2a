import {createHash} from "node:crypto";

import {expect, test} from "vitest";

import {sha256} from "../../client/sha256";
import {client, FakeService, json, problem} from "./fakes";

const FILE = new File(["the bytes"], "cat.jpg", {type: "image/jpeg"});
const HASH = createHash("sha256").update("the bytes").digest("hex");
const BEGUN = {
  id: "u1",
  state: "waiting",
  put: {method: "PUT", url: "/v1/storage/c/u1?signature=s", headers: {"Content-Type": "image/jpeg", "Content-Length": "9"}},
};
const COMPLETED = {id: "u1", state: "provisional", image_id: HASH, job_id: "j1"};

test("the bytes go to storage without the credential, between asking and completing", async () => {
  const service = new FakeService(json(BEGUN, 201), new Response(null, {status: 200}), json(COMPLETED));
  const told: number[] = [];
  const collection = client(service, {credential: () => "key"}).collection("c");

  const result = await collection.upload(FILE, {
    vector: new Float32Array([1]),
    model: "m",
    metadata: {label: "cat"},
    onProgress: (sent, total) => told.push(sent, total),
  });

  const [begin, put, complete] = service.asked;
  expect(result).toEqual(COMPLETED);
  expect(JSON.parse(begin!.body as string)).toEqual({size_bytes: 9, content_type: "image/jpeg", sha256: HASH, name: "cat.jpg"});
  expect([put!.method, put!.url.href]).toEqual(["PUT", "http://service.example/v1/storage/c/u1?signature=s"]);
  expect(put!.headers.get("Authorization")).toBeNull();
  expect(put!.headers.get("Content-Type")).toBe("image/jpeg");
  expect(complete!.url.pathname).toBe("/v1/collections/c/uploads/u1/complete");
  expect(JSON.parse(complete!.body as string)).toEqual({sha256: HASH, vector: "float16:ADw=", model: "m", metadata: {label: "cat"}});
  expect(told).toEqual([9, 9]);
});

test("an upload that storage refuses is given up, and the refusal is what the caller gets", async () => {
  const service = new FakeService(json(BEGUN, 201), problem(422, "hash_mismatch"), new Response(null, {status: 204}));

  await expect(client(service).collection("c").upload(FILE)).rejects.toMatchObject({code: "hash_mismatch"});

  const last = service.asked.at(-1)!;
  expect([last.method, last.url.pathname]).toEqual(["DELETE", "/v1/collections/c/uploads/u1"]);
});

test("bytes that came before, by a try whose answer was lost, are completed", async () => {
  const service = new FakeService(json(BEGUN, 201), new Response("<Error/>", {status: 412}), json(COMPLETED));

  expect(await client(service).collection("c").upload(FILE)).toEqual(COMPLETED);
});

test("a file without a type is some picture", async () => {
  const service = new FakeService(json(BEGUN, 201), new Response(null, {status: 200}), json(COMPLETED));

  await client(service).collection("c").upload(new Blob(["x"]));

  expect(JSON.parse(service.asked[0]!.body as string)).toMatchObject({content_type: "image/x-unknown"});
});

test("a page that is not secure hashes the same", async () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const secure = await sha256(bytes);
  const {subtle} = crypto;
  Object.defineProperty(crypto, "subtle", {value: undefined, configurable: true});
  try {
    expect(await sha256(bytes)).toBe(secure);
  } finally {
    Object.defineProperty(crypto, "subtle", {value: subtle, configurable: true});
  }
});
