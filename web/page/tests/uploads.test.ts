import {afterEach, beforeEach, expect, it, vi} from "vitest";

import {type CollectionClient, type CollectionFacts, type Job, Problem, type Session, type UploadOptions, type UploadResult} from "../../client";
import {client, collections, session} from "../src/state/service";
import {add, cancel, items, retry} from "../src/upload/uploads";

const {embedHere} = vi.hoisted(() => ({embedHere: vi.fn()}));
vi.mock("../src/search/browser", () => ({embedHere}));

type Try = {options: UploadOptions; answer: (result: Partial<UploadResult>) => void; fail: (error: unknown) => void};

const closed = vi.fn();
let tries: Try[];
let tell: Parameters<typeof client.events>[0]["onEvent"];

vi.spyOn(client, "events").mockImplementation((o) => {
  tell = o.onEvent;
  return {close: closed, after: undefined};
});
const job = vi.spyOn(client, "job");

const collection = {
  name: "c",
  upload: (_: Blob, options: UploadOptions) =>
    new Promise((resolve, reject) => tries.push({options, answer: resolve as Try["answer"], fail: reject})),
} as unknown as CollectionClient;

const settled = () => new Promise((done) => setTimeout(done));
const stage = () => items.value[0]?.stage;
const done = (outcome: string) => ({id: "j", state: "done", result: {outcome}}) as unknown as Job;
const event = (job: Job) => tell({job} as Parameters<typeof tell>[0]);

beforeEach(async () => {
  tries = [];
  job.mockReturnValue(new Promise(() => undefined));
  add([new File(["x"], "a.jpg", {type: "image/jpeg"})], collection);
  await settled();
});
afterEach(() => {
  items.value.forEach(cancel);
  tries.forEach(({fail}) => fail(new DOMException("over", "AbortError")));
  items.value = [];
});

it("the events of jobs are followed until every upload is settled, and again for the next", async () => {
  const events = vi.mocked(client.events);
  closed.mockClear();
  events.mockClear();
  tries[0]!.answer({state: "provisional", image_id: "i", job_id: "j"});
  await settled();
  expect(closed).not.toHaveBeenCalled();

  event(done("kept"));
  expect(closed).toHaveBeenCalledTimes(1);
  add([new File(["y"], "b.jpg", {type: "image/jpeg"})], collection);
  await settled();

  expect(events).toHaveBeenCalledTimes(1);
});

it.each<[string, File, unknown]>([
  ["empty", new File([], "empty.jpg", {type: "image/jpeg"}), null],
  ["vanished", new File(["x"], "gone.jpg", {type: "image/jpeg"}), new DOMException("gone", "NotFoundError")],
  ["unreadable", new File(["x"], "locked.jpg", {type: "image/jpeg"}), new DOMException("locked", "NotReadableError")],
])("a file that is %s is refused in words of its own", async (code, file, error) => {
  items.value = [];
  add([file], collection);
  await settled();
  tries[1]?.fail(error);
  await settled();

  expect(tries).toHaveLength(error ? 2 : 1);
  expect(items.value[0]).toMatchObject({stage: "failed", why: {code}});
});

it("where the service says so, pictures go through it, and nothing is computed here", async () => {
  embedHere.mockClear();
  const asked: unknown[] = [];
  const addQueued = (files: Blob[], options: unknown) => {
    asked.push([files.length, options]);
    return Promise.resolve([{name: "b.jpg", status: "queued", id: "i", job_id: "j2"}]);
  };
  session.value = {upload_flow: "classic"} as Session;
  items.value = [];
  add([new File(["y"], "b.jpg", {type: "image/jpeg"})], {...collection, addQueued} as unknown as CollectionClient);
  await settled();

  expect(items.value[0]).toMatchObject({stage: "queued", imageId: "i", jobId: "j2"});
  expect(asked).toMatchObject([[1, {metadata: {name: "b.jpg"}}]]);
  expect(embedHere).not.toHaveBeenCalled();
  event({...done("stored"), id: "j2"} as Job);
  expect(stage()).toBe("stored");
  session.value = null;
});

it("what the service refuses when pictures go through it is said as it says it", async () => {
  const addQueued = () => Promise.resolve([{name: "b.jpg", status: "refused", code: "quota_exceeded", values: {limit: 3}, detail: "d"}]);
  session.value = {upload_flow: "classic"} as Session;
  items.value = [];
  add([new File(["y"], "b.jpg", {type: "image/jpeg"})], {...collection, addQueued} as unknown as CollectionClient);
  await settled();

  expect(items.value[0]).toMatchObject({stage: "failed", why: {code: "quota_exceeded", values: {limit: 3}}});
  session.value = null;
});

it("two files of the same name, size and date have vectors of their own", async () => {
  const asked: string[] = [];
  embedHere.mockImplementation((_: Blob, {key}: {key: string}) => (asked.push(key), Promise.reject(new Error("not here"))));
  collections.value = [{name: "c", model: "m"} as CollectionFacts];
  tries[0]!.answer({state: "stored", image_id: "i"});
  await settled();
  items.value = [];
  const named = () => new File(["x"], "same.jpg", {type: "image/jpeg", lastModified: 7});
  add([named(), named()], collection);
  await settled();

  expect(new Set(asked).size).toBe(2);
  collections.value = [];
});

async function tryAgain(): Promise<void> {
  cancel(items.value[0]!);
  retry(items.value[0]!);
  await settled();
  expect(tries).toHaveLength(2);
}

it.each<[string, (first: Try) => void]>([
  ["its answer", ({answer}) => answer({state: "stored", image_id: "of the first"})],
  ["its failure", ({fail}) => fail(new Problem({code: "storage_failed", status: 507, detail: "no room"}))],
  ["that it was stopped", ({fail}) => fail(new DOMException("stopped", "AbortError"))],
  ["how far it is", ({options}) => options.onProgress!(9, 10)],
])("an upload that was begun again is not changed by what comes late of the earlier try: %s", async (_, comeLate) => {
  await tryAgain();

  comeLate(tries[0]!);
  await settled();

  expect(items.value[0]).toMatchObject({stage: "sending", share: 0, imageId: "", why: null});
  tries[1]!.answer({state: "stored", image_id: "of the second"});
  await settled();
  expect(items.value[0]).toMatchObject({stage: "stored", imageId: "of the second"});
});

it("what is known of a job's end is not taken back by a reply from before it", async () => {
  let reply: (job: Job) => void = () => undefined;
  job.mockReturnValue(new Promise((resolve) => (reply = resolve)));
  tries[0]!.answer({state: "provisional", image_id: "i", job_id: "j"});
  await settled();
  expect(stage()).toBe("provisional");

  event(done("kept"));
  expect(stage()).toBe("kept");
  reply({id: "j", state: "failed", code: "unexpected"} as unknown as Job);
  await settled();

  expect(stage()).toBe("kept");
});

it("a picture that is in has not failed where its job cannot be asked", async () => {
  job.mockRejectedValue(new Problem({code: "unreachable", status: 0, detail: "away"}));

  tries[0]!.answer({state: "provisional", image_id: "i", job_id: "j"});
  await settled();

  expect(stage()).toBe("provisional");
  event(done("kept"));
  expect(stage()).toBe("kept");
});
