/** The page of `lookalike parity`: embeds golden pictures with each backend that it is asked for, and sends the vectors. */

import {Lookalike} from "../client";
import {base64OfFloats} from "../client/base64";
import {BrowserEmbedder} from "./embedder";
import type {Backend, Embedded, EmbedTimings} from "./types";

interface Task {
  model: string;
  pictures: number;
  backends: Backend[];
}

interface Row {
  vector: string | null;
  error: string | null;
  timings: EmbedTimings | null;
}

const token = new URLSearchParams(location.search).get("token") ?? "";
const at = (path: string): string => `/parity/${encodeURIComponent(token)}/${path}`;

async function main(): Promise<void> {
  const task = (await (await fetch(at("task"))).json()) as Task;
  for (const backend of task.backends) await post("result", await embedAll(task, backend));
  await post("done", {});
}

async function embedAll(task: Task, prefer: Backend): Promise<object> {
  const open = (): Promise<BrowserEmbedder> =>
    BrowserEmbedder.open({client: new Lookalike(), modelId: task.model, prefer});
  const first = await open();
  first.close();
  const embedder = await open(); // from the cache, as on every visit but the first
  const {backend, why} = embedder;
  const rows: Row[] = [];
  for (let i = 0; i < task.pictures && backend === prefer; i++) rows.push(await row(embedder, i));
  embedder.close();
  return {asked: prefer, backend, why, first_load_ms: first.loadMs, load_ms: embedder.loadMs, rows};
}

async function row(embedder: BrowserEmbedder, i: number): Promise<Row> {
  const picture = await (await fetch(at(`pictures/${i}`))).blob();
  try {
    const {vector, timings}: Embedded = await embedder.embed(picture);
    return {vector: base64OfFloats(vector), error: null, timings};
  } catch (error) {
    return {vector: null, error: String(error), timings: null};
  }
}

async function post(path: string, body: object): Promise<void> {
  await fetch(at(path), {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
}

main().catch((error: unknown) => post("failed", {error: error instanceof Error ? (error.stack ?? error.message) : String(error)}));
