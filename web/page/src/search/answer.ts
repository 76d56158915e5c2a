/** The answer on the page: asked for whenever the question changes, lengthened page by page. */

import {batch, computed, effect, signal, untracked} from "@preact/signals";

import type {Hit, Reply, TimingsMs} from "../../../client";
import {keepAnswer, knownAnswer} from "./known";
import {askOnce, type How, PictureLost} from "./asking";
import {tiered, where} from "../state/preferences";
import {asksSomething, type Question} from "../state/question";
import {cameBy, question} from "../state/route";
import {collection, collectionName, facts, finer} from "../state/service";
import {explain, isStopped, trouble} from "../state/trouble";

/** What the tiered mode did: `first` kept the first answer, `finer` took the finer model's. */
export type Tier = "off" | "first" | "unknown" | "looking" | "finer" | "failed";

export type Answer = {
  question: Question;
  hits: readonly Hit[];
  /** The reply to the first page: the finer model's where it looked again. */
  reply: Reply;
  /** What the service took for the first answer, by stage. */
  timingsMs: TimingsMs;
  how: How;
  tier: Tier;
  /** Milliseconds that the finer look took; null where there was none. */
  finerMs: number | null;
  hasMore: boolean;
};

export const answer = signal<Answer | null>(null);
export const searching = signal(false);
export const lengthening = signal(false);
export const pictureLost = signal(false);

/** Asked again where nothing of the question changed, such as after signing in. */
const again = signal(0);
const model = computed(() => facts.value?.model);
let running: AbortController | null = null;

export const isAsking = computed(() => asksSomething(question.value));

/** Answer every question from now on. */
export function answerQuestions(): void {
  effect(() => {
    again.value;
    where.value;
    tiered.value;
    const asked = question.value;
    const name = collectionName.value;
    if (!name || model.value === undefined) return;
    void untracked(() => answerTo(asked));
  });
}

export function askAgain(): void {
  again.value += 1;
}

async function answerTo(asked: Question): Promise<void> {
  running?.abort();
  const control = new AbortController();
  running = control;
  const known = cameBy.value === "history" ? knownAnswer(asked, where.value) : undefined;
  batch(() => {
    pictureLost.value = false;
    trouble.value = null;
    lengthening.value = false;
    searching.value = asksSomething(asked) && !known;
    if (known || !asksSomething(asked)) answer.value = known ?? null;
  });
  if (known || !asksSomething(asked)) return;
  try {
    await firstPage(asked, control.signal);
  } catch (error) {
    if (control.signal.aborted || isStopped(error)) return;
    batch(() => {
      answer.value = null;
      if (error instanceof PictureLost) pictureLost.value = true;
      else explain(error, askAgain);
    });
  } finally {
    if (running === control) searching.value = false;
  }
}

async function firstPage(asked: Question, signal: AbortSignal): Promise<void> {
  const {reply, how} = await askOnce(asked, {...means(signal), offset: 0});
  if (signal.aborted) return;
  const tier = tierOf(asked, reply);
  const {hits, timings_ms: timingsMs, has_more: hasMore} = reply;
  show({question: asked, hits, reply, timingsMs, how, tier, finerMs: null, hasMore});
  if (tier === "looking") await lookCloser(asked, signal);
}

/** Looking again is for one picture from outside: of a mixture there is no picture to look at. */
function tierOf(asked: Question, reply: Reply): Tier {
  if (!tiered.value || !finer.value || !isOnePicture(asked)) return "off";
  if (reply.sure === null) return "unknown";
  return reply.sure ? "first" : "looking";
}

function isOnePicture({source, more, less}: Question): boolean {
  return (source.kind === "picture" || source.kind === "url") && more.length + less.length === 0;
}

async function lookCloser(asked: Question, signal: AbortSignal): Promise<void> {
  const first = answer.value!;
  const begun = performance.now();
  try {
    const {reply} = await askOnce(asked, {...means(signal), offset: 0, opinion: finer.value!});
    if (signal.aborted) return;
    const finerMs = performance.now() - begun;
    show({...first, hits: reply.hits, reply, tier: "finer", finerMs, hasMore: reply.has_more});
  } catch (error) {
    if (!signal.aborted && !isStopped(error)) show({...first, tier: "failed"});
  }
}

/** Add the next page to the hits. One at a time; a failure is shown and can be tried again. */
export async function showMore(): Promise<void> {
  const current = answer.value;
  const control = running;
  if (!current?.hasMore || lengthening.value || searching.value || !control) return;
  lengthening.value = true;
  try {
    const opinion = current.tier === "finer" ? {opinion: finer.value!} : {};
    const {reply} = await askOnce(current.question, {...means(control.signal), offset: current.hits.length, ...opinion});
    if (control.signal.aborted) return;
    const shown = new Set(current.hits.map((hit) => hit.id));
    const added = reply.hits.filter((hit) => !shown.has(hit.id));
    const hasMore = reply.has_more && added.length > 0;
    show({...answer.value!, hits: [...current.hits, ...added], hasMore});
  } catch (error) {
    explain(error, () => void showMore());
  } finally {
    if (running === control) lengthening.value = false;
  }
}

function show(shown: Answer): void {
  batch(() => {
    answer.value = shown;
    searching.value = false;
  });
  keepAnswer(shown, where.value);
}

function means(signal: AbortSignal) {
  return {collection: collection.value!, model: model.value ?? "", where: where.value, signal};
}
