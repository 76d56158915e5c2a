/** Pictures on their way into the collection, two at a time, and what becomes of them there. */

import {signal} from "@preact/signals";

import {type CollectionClient, type Job, Problem, type Remark, type Subscription, type UploadResult, type UploadState} from "../../../client";
import {texts} from "../i18n/language";
import {embedHere} from "../search/browser";
import {announce} from "../state/panels";
import {where} from "../state/preferences";
import {client, collections, refreshFacts, session} from "../state/service";
import {codeOf, explain, isStopped} from "../state/trouble";
import {keptName} from "./file_name";

export type Stage = "preparing" | "sending" | UploadState | "cancelled";

export type Item = {
  number: number;
  file: File;
  collection: CollectionClient;
  stage: Stage;
  /** Share of the bytes that was sent. */
  share: number;
  imageId: string;
  jobId: string;
  /** Why it failed or was taken out. */
  why: Remark | null;
  stop: AbortController;
};

export const items = signal<readonly Item[]>([]);

const AT_ONCE = 2;
const SETTLED: readonly Stage[] = ["kept", "replaced", "quarantined", "stored", "failed", "expired", "cancelled"];
let numbered = 0;
let running = 0;
let subscription: Subscription | null = null;

export function isSettled(item: Item): boolean {
  return SETTLED.includes(item.stage);
}

export function add(files: Iterable<File>, collection: CollectionClient): void {
  const begun = [...files].map((file): Item => {
    numbered += 1;
    return {number: numbered, file, collection, stage: "waiting", share: 0, imageId: "", jobId: "", why: null, stop: new AbortController()};
  });
  items.value = [...items.value, ...begun];
  begin();
}

export function cancel(item: Item): void {
  item.stop.abort();
  change(item, {stage: "cancelled"});
}

export function retry(item: Item): void {
  items.value = items.value.map((one) =>
    one.number === item.number ? {...one, stage: "waiting", share: 0, imageId: "", jobId: "", why: null, stop: new AbortController()} : one,
  );
  begin();
}

export function dismiss({number}: Item): void {
  items.value = items.value.filter((item) => item.number !== number);
}

export function clearSettled(): void {
  items.value = items.value.filter((item) => !isSettled(item));
}

function begin(): void {
  while (running < AT_ONCE) {
    const next = items.value.find((item) => item.stage === "waiting" && !item.jobId);
    if (!next) return;
    running += 1;
    change(next, {stage: "preparing"});
    void send(next.number).finally(() => {
      running -= 1;
      begin();
    });
  }
}

async function send(number: number): Promise<void> {
  const item = items.value.find((one) => one.number === number)!;
  const {file, stop} = item;
  const name = keptName(file.name);
  follow();
  try {
    if (file.size === 0) return change(item, {stage: "failed", why: {code: "empty", values: {}}});
    const result = session.value?.upload_flow === "classic" ? await sendThrough(item, name) : await sendStraight(item, name);
    change(item, {stage: result.state, share: 1, imageId: result.image_id ?? "", jobId: result.job_id ?? ""});
    void refreshFacts();
    // What became of it since, should its event have been missed; the picture is in, whether that is told or not.
    if (result.job_id) client.job(result.job_id).then(settle, () => undefined);
  } catch (error) {
    if (stop.signal.aborted || isStopped(error)) return change(item, {stage: "cancelled"});
    change(item, {stage: "failed", why: whyOf(error)});
    if (error instanceof Problem && error.status === 401) explain(error);
  }
}

/** Embedded here, and put straight into storage. */
async function sendStraight(item: Item, name: string): Promise<UploadResult> {
  const known = await vectorOf(item);
  change(item, {stage: "sending"});
  return await item.collection.upload(item.file, {
    ...known,
    ...(name ? {name, metadata: {name}} : {}),
    signal: item.stop.signal,
    onProgress: (sent, total) => change(item, {share: total ? sent / total : 1}),
  });
}

/** Through the service, whose workers embed it. */
async function sendThrough(item: Item, name: string): Promise<UploadResult> {
  change(item, {stage: "sending"});
  const [sent] = await item.collection.addQueued([item.file], {...(name ? {metadata: {name}} : {}), signal: item.stop.signal});
  if (!sent || sent.status === "refused") {
    throw new Problem({code: sent?.code ?? "unexpected", status: 422, detail: sent?.detail ?? "", values: sent?.values ?? {}});
  }
  return {id: "", state: "queued", image_id: sent.id ?? null, job_id: sent.job_id ?? null};
}

function whyOf(error: unknown): Remark {
  return {code: codeOf(error), values: error instanceof Problem ? error.values : {}};
}

/** With a vector the picture can be found at once; without, as soon as the service has embedded it. */
async function vectorOf({number, file, collection, stop}: Item): Promise<{vector?: Float32Array; model?: string}> {
  const model = collections.value.find(({name}) => name === collection.name)?.model;
  if (!model || where.value === "server") return {};
  try {
    const key = `upload ${number}`; // two files may have the same name, size and date
    const {vector} = await embedHere(file, {model, key, crop: null, signal: stop.signal});
    return {vector, model};
  } catch (error) {
    if (isStopped(error)) throw error;
    return {};
  }
}

/** The events of jobs, while any upload is under way. After a gap the jobs themselves are asked. */
function follow(): void {
  subscription ??= client.events({
    onEvent: ({job}) => settle(job),
    onGap: () => {
      for (const item of items.value) if (item.jobId && !isSettled(item)) void client.job(item.jobId).then(settle, () => undefined);
    },
  });
}

function stopFollowing(): void {
  subscription?.close();
  subscription = null;
}

function settle(job: Job): void {
  const item = items.value.find((one) => one.jobId === job.id);
  if (!item || isSettled(item)) return;
  if (job.state === "failed") return change(item, {stage: "failed", why: {code: job.code ?? "unexpected", values: {}}});
  if (job.state !== "done") return;
  const code = (job.result as {code?: string} | null)?.code;
  change(item, {stage: outcomeOf(job), why: code ? {code, values: {}} : null});
  void refreshFacts();
}

/** What the verifying of an upload found. */
function outcomeOf(job: Job): UploadState {
  const result = job.result as {outcome?: UploadState; state?: UploadState} | null;
  return result?.outcome ?? result?.state ?? "stored";
}

/** A change that comes of an earlier try, after the item was begun again, is passed over. */
function change({number, stop}: Item, part: Partial<Item>): void {
  const before = items.value.find((item) => item.number === number);
  if (before?.stop !== stop) return;
  items.value = items.value.map((item) => (item.number === number ? {...item, ...part} : item));
  const {announce: words, states} = texts.value.upload;
  if (part.stage && part.stage !== before.stage && part.stage !== "sending" && part.stage !== "preparing") {
    announce(words(before.file.name, states[part.stage]));
  }
  if (items.value.every(isSettled)) stopFollowing();
}
