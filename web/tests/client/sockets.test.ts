import {afterEach, beforeEach, describe, expect, test, vi} from "vitest";

import type {JobEvent, StreamHits} from "../../client";
import type {SearchStream} from "../../client";
import {client, FakeService, FakeSocket, problem, ticket} from "./fakes";

const READY = {type: "ready", model: "m", dimension: 2, collection: "c", max_bytes: 1000};

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
});
afterEach(() => {
  vi.useRealTimers();
});

async function connected(position = 0): Promise<FakeSocket> {
  await vi.waitUntil(() => FakeSocket.all[position] !== undefined);
  const socket = FakeSocket.all[position]!;
  socket.onopen?.();
  return socket;
}

function frame(value: number): Float32Array {
  return new Float32Array([value, 0]);
}

function hits(seq: number, dropped = 0): StreamHits {
  return {type: "hits", seq, hits: [], plan: "", plan_steps: [], exact: true, nothing_like_it: false, timings_ms: {}, dropped};
}

/** The numbers of the queries that were sent. */
function queries(socket: FakeSocket): number[] {
  const binary = socket.sent.filter((message) => typeof message !== "string");
  return binary.map((message) => new DataView(message).getUint32(0, true));
}

describe("a stream", () => {
  let service: FakeService;
  let stream: SearchStream;
  let got: number[];

  beforeEach(() => {
    service = new FakeService(ticket("t1"), ticket("t2"));
    got = [];
    stream = client(service).collection("c").stream({k: 5, onHits: ({seq}) => got.push(seq)});
  });
  afterEach(() => stream.close());

  test("offers its ticket as a subprotocol, and configures first", async () => {
    const socket = await connected();

    expect(socket.url).toBe("ws://service.example/v1/collections/c/stream");
    expect(socket.protocols).toEqual(["lookalike.v1", "ticket.t1"]);
    expect(JSON.parse(socket.sent[0] as string)).toEqual({type: "configure", k: 5});
  });

  test("sends a vector as 8 bytes of header and float32", async () => {
    const socket = await connected();
    socket.says(READY);

    stream.send(frame(1));
    await vi.waitUntil(() => socket.sent.length === 2);

    expect([...new Uint8Array(socket.sent[1] as ArrayBuffer)]).toEqual([1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 0]);
  });

  test("keeps two under way, lets the newest wait, and counts those in between as dropped", async () => {
    const socket = await connected();
    socket.says(READY);

    for (let i = 0; i < 5; i++) stream.send(frame(i));
    await vi.waitUntil(() => queries(socket).length === 2);
    expect(stream.dropped).toBe(2);
    socket.says(hits(1));
    await vi.waitUntil(() => queries(socket).length === 3);

    expect(queries(socket)).toEqual([1, 2, 5]);
    expect(got).toEqual([1]);
  });

  test("counts what the service dropped once", async () => {
    const socket = await connected();
    socket.says(READY);

    socket.says(hits(1, 3));
    socket.says(hits(2, 4));

    expect(stream.dropped).toBe(4);
  });

  test("does not send a frame that is too large, and goes on", async () => {
    const socket = await connected();
    socket.says({...READY, max_bytes: 20});
    const codes: string[] = [];
    stream.onProblem = ({code}) => codes.push(code);

    stream.send(new Blob([new Uint8Array(30)]));
    await vi.waitUntil(() => codes.length === 1);
    stream.send(frame(1));
    await vi.waitUntil(() => queries(socket).length === 1);

    expect(codes).toEqual(["too_large"]);
    expect(queries(socket)).toEqual([2]);
  });

  test("comes back with another ticket and the last settings", async () => {
    const first = await connected();
    first.says(READY);
    stream.configure({k: 9, collapse: "group"});

    first.breaks(1012);
    expect(stream.state).toBe("waiting");
    await vi.advanceTimersByTimeAsync(1000);
    const second = await connected(1);

    expect(second.protocols).toEqual(["lookalike.v1", "ticket.t2"]);
    expect(JSON.parse(second.sent[0] as string)).toEqual({type: "configure", k: 9, collapse: "group"});
  });

  test("sends what waited once it is back", async () => {
    const first = await connected();
    first.breaks(1006);
    stream.send(frame(1));
    await vi.advanceTimersByTimeAsync(1000);
    const second = await connected(1);

    second.says(READY);
    await vi.waitUntil(() => queries(second).length === 1);

    expect(queries(second)).toEqual([1]);
  });

  test("that is not allowed does not come back", async () => {
    const socket = await connected();
    const codes: string[] = [];
    stream.onProblem = ({code}) => codes.push(code);

    socket.breaks(1008);
    await vi.runAllTimersAsync();

    expect([stream.state, codes, FakeSocket.all.length]).toEqual(["closed", ["closed_1008"], 1]);
  });

  test("that was closed stays closed", async () => {
    const socket = await connected();

    stream.close();
    await vi.runAllTimersAsync();

    expect([stream.state, socket.closedWith, FakeSocket.all.length]).toEqual(["closed", 1000, 1]);
  });
});

test("a stream without a ticket ends where the credential is refused", async () => {
  const service = new FakeService(problem(401, "not_authenticated"));
  const states: string[] = [];

  client(service).collection("c").stream({onState: (state) => states.push(state)});
  await vi.runAllTimersAsync();

  expect(states).toEqual(["closed"]);
});

test("events go on behind the last one, and none comes twice", async () => {
  const service = new FakeService(ticket("t1"), ticket("t2"));
  const got: number[] = [];
  let gaps = 0;
  const subscription = client(service).events({onEvent: ({seq}: JobEvent) => got.push(seq), onGap: () => (gaps += 1)});
  const first = await connected();
  expect(first.url).toBe("ws://service.example/v1/events");

  first.says({type: "event", seq: 4, event: "job.queued", job: {}});
  first.breaks(1006);
  await vi.advanceTimersByTimeAsync(1000);
  const second = await connected(1);
  second.says({type: "gap", seq: 6});
  second.says({type: "event", seq: 6, event: "job.done", job: {}});
  second.says({type: "event", seq: 7, event: "job.done", job: {}});
  subscription.close();

  expect(second.url).toBe("ws://service.example/v1/events?after=4");
  expect([got, gaps, subscription.after]).toEqual([[4, 7], 1, 7]);
});
