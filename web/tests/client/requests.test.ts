import {afterEach, beforeEach, describe, expect, test, vi} from "vitest";

import {Problem} from "../../client";
import {client, FakeService, json, problem} from "./fakes";

const REPLY = {hits: [], plan: "all compared"};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The promise's outcome, with all timers run. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  await vi.runAllTimersAsync();
  return await promise;
}

test("a reply that breaks off is one that did not come, whatever of it came", async () => {
  const broken = () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"hits": ['));
        controller.error(new TypeError("network error"));
      },
    });
    return new Response(body, {headers: {"Content-Type": "application/json"}});
  };
  const collection = client(new FakeService(broken(), broken())).collection("c");

  await expect(settled(collection.search({id: "a"}))).rejects.toMatchObject({code: "unreachable", status: 0});
  await expect(settled(collection.thumbnail("a"))).rejects.toMatchObject({code: "unreachable", status: 0});
});

describe("a search", () => {
  test("by a picture is multipart, with the other fields as JSON", async () => {
    const service = new FakeService(json(REPLY));
    const picture = new Blob(["bytes"], {type: "image/jpeg"});

    await client(service).collection("my photos").search(
      {image: picture, less: ["b"]},
      {k: 3, crop: {x: 0, y: 0.25, width: 1, height: 0.5}, minConfidence: 0.9, timeoutMs: 1500.4},
    );

    const [asked] = service.asked;
    const form = asked!.body as FormData;
    expect(asked!.url.pathname).toBe("/v1/collections/my%20photos/search");
    expect(JSON.parse(form.get("query") as string)).toEqual({
      k: 3,
      crop: [0, 0.25, 1, 0.5],
      min_confidence: 0.9,
      less: ["b"],
    });
    expect(await (form.get("image") as Blob).text()).toBe("bytes");
    expect(asked!.headers.get("X-Timeout-Ms")).toBe("1500");
  });

  test.each([
    [{id: "a"}, {id: "a"}],
    [{imageUrl: "https://x.example/y.jpg"}, {image_url: "https://x.example/y.jpg"}],
    [{more: ["a", "b"]}, {more: ["a", "b"]}],
    [{vector: new Float32Array([1, -0.5]), model: "m"}, {vector: "AACAPwAAAL8=", model: "m"}],
  ])("by %o is the JSON %o", async (query, body) => {
    const service = new FakeService(json(REPLY));

    await client(service).collection("c").search(query);

    expect(JSON.parse(service.asked[0]!.body as string)).toEqual(body);
    expect(service.asked[0]!.headers.get("Content-Type")).toBe("application/json");
  });
});

test("the credential is asked for at each request, and left out where there is none", async () => {
  const service = new FakeService(json({}), json({}));
  const keys = ["first", null];
  const lookalike = client(service, {credential: () => keys.shift() ?? null});

  await lookalike.session();
  await lookalike.session();

  expect(service.asked.map(({headers}) => headers.get("Authorization"))).toEqual(["Bearer first", null]);
});

describe("what is refused", () => {
  test("is a Problem with what the service said", async () => {
    const service = new FakeService(problem(422, "wrong_model"));

    const found = client(service).collection("c").search({id: "a"});

    await expect(found).rejects.toMatchObject({code: "wrong_model", status: 422, requestId: "r1", detail: "because of wrong_model"});
    await expect(found).rejects.toBeInstanceOf(Problem);
  });

  test("by a proxy, in HTML, is a Problem too", async () => {
    const service = new FakeService(new Response("<h1>Bad gateway</h1>", {status: 502, statusText: "Bad Gateway"}));

    await expect(client(service).session()).rejects.toMatchObject({code: "http_502", status: 502, detail: "Bad Gateway"});
  });

  test("by the network is a Problem with status 0", async () => {
    const service = new FakeService(new TypeError("fetch failed"));

    await expect(client(service).session()).rejects.toMatchObject({code: "unreachable", status: 0});
  });
});

describe("a busy service", () => {
  test.each([429, 503])("that says %i is asked again, not before Retry-After", async (status) => {
    const service = new FakeService(problem(status, "busy", {"Retry-After": "2"}), json({name: "me"}));
    const found = client(service).session();

    await vi.advanceTimersByTimeAsync(1900);
    expect(service.asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);

    expect(await found).toEqual({name: "me"});
  });

  test("is asked four times at most", async () => {
    const service = new FakeService(...Array.from({length: 4}, () => problem(503, "overloaded")));

    await expect(settled(client(service).session())).rejects.toMatchObject({code: "overloaded"});
    expect(service.asked).toHaveLength(4);
  });

  test("that asks for a long pause is not waited for", async () => {
    const service = new FakeService(problem(429, "rate_limited", {"Retry-After": "60"}));

    await expect(settled(client(service).session())).rejects.toMatchObject({code: "rate_limited", retryAfterS: 60});
  });

  test("is asked again with the same idempotency key", async () => {
    const service = new FakeService(problem(503, "overloaded"), json({data: []}));

    await settled(client(service).collection("c").remove(["a"]));

    const keys = service.asked.map(({headers}) => headers.get("Idempotency-Key"));
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  test("is no longer waited for once the caller gives up", async () => {
    const service = new FakeService(problem(503, "overloaded", {"Retry-After": "5"}));
    const stop = new AbortController();
    const found = client(service).session({signal: stop.signal});
    found.catch(() => undefined);

    await vi.advanceTimersByTimeAsync(100);
    stop.abort(new Error("enough"));

    await expect(found).rejects.toThrow("enough");
  });
});

test("all pages of a list are brought", async () => {
  const service = new FakeService(
    json({data: [{id: "a"}], has_more: true, next_cursor: "x"}),
    json({data: [{id: "b"}], has_more: false, next_cursor: null}),
  );

  const found = await client(service).models();

  expect(found.map(({id}) => id)).toEqual(["a", "b"]);
  expect(service.asked[1]!.url.searchParams.get("cursor")).toBe("x");
});

test("collections that cannot be read are told beside those that can, of all pages", async () => {
  const [damaged, newer] = [{name: "m", code: "catalog_damaged", values: {}, detail: "d"}, {name: "z", code: "format_too_new", values: {}, detail: "n"}];
  const pages = () => [
    json({data: [{name: "a"}], unreadable: [damaged], has_more: true, next_cursor: "x"}),
    json({data: [{name: "b"}], unreadable: [newer], has_more: false, next_cursor: null}),
  ];

  expect(await client(new FakeService(...pages())).collectionListing()).toEqual({data: [{name: "a"}, {name: "b"}], unreadable: [damaged, newer]});
  expect(await client(new FakeService(...pages())).collections()).toEqual([{name: "a"}, {name: "b"}]);
});
