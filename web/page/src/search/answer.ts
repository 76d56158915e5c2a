/** The answer on the page: asked for whenever the question changes. */

import {batch, computed, effect, signal, untracked} from "@preact/signals";

import type {Hit, Reply, TimingsMs} from "../../../client";
import {reranks, where} from "../state/preferences";
import {asksSomething, type Question} from "../state/question";
import {cameBy, question} from "../state/route";
import {collection, collectionName, facts} from "../state/service";
import {explain, type Trouble, trouble} from "../state/trouble";
import {askOnce, type How, type Means, PictureLost} from "./asking";
import {rerankNow, rerankingOf} from "./reranking";
import {keepAnswer, knownAnswer} from "./known";
import {Latest} from "./latest";
import {PictureNeeded} from "./sending";
import {tryAgain} from "./thumbnails";
import {warmUpAfterwards} from "./warming";

/**
 * What reranking where unsure did: `first` kept the first answer, `finer` took the finer model's, `offered` would have to send
 * the picture, which the person has not said.
 */
export type Reranking = "off" | "first" | "unknown" | "offered" | "looking" | "reranked" | "failed";

export type Answer = {
  question: Question;
  /** Of whom it was asked, and where the vector was to be computed. */
  means: Omit<Means, "signal">;
  hits: readonly Hit[];
  /** Where the next page begins. */
  next: number;
  hasMore: boolean;
  /** How many pictures could be shown in all. */
  total: number;
  /** Id of the picture that is searched with, where it is in the collection; else ''. */
  self: string;
  /** The reply to the first page: the finer model's where it looked again. */
  reply: Reply;
  /** What the service took for the first answer, by stage. */
  timingsMs: TimingsMs;
  how: How;
  /** Whether the picture itself was sent for any of it. */
  sentPicture: boolean;
  reranking: Reranking;
  /** Milliseconds that the finer look took; null where there was none. */
  rerankMs: number | null;
};

export const answer = signal<Answer | null>(null);
export const searching = signal(false);
export const lengthening = signal(false);
/** What was wrong with the next page. */
export const furtherTrouble = signal<Trouble | null>(null);
export const pictureLost = signal(false);
/** What the picture itself would be needed for, so that there is an answer at all. */
export const pictureNeeded = signal<PictureNeeded | null>(null);

/** Asked again where nothing of the question changed, such as after signing in. */
const again = signal(0);
const model = computed(() => facts.value?.model);
/** Everything that is asked for one question ends with it; its next page ends where the hits before it change, too. */
export const questions = new Latest();
export const pages = new Latest();

export const isAsking = computed(() => asksSomething(question.value));

/** Whether the hits that are shown are those of a question before: the one of now has none, or none yet. */
export const isOld = computed(() => {
  const shown = answer.value;
  return shown !== null && (shown.question !== question.value || shown.means.collection.name !== collectionName.value);
});

/** Answer every question from now on. */
export function answerQuestions(): void {
  effect(() => {
    again.value;
    where.value;
    reranks.value;
    const asked = question.value;
    const name = collectionName.value;
    if (!name || model.value === undefined) return untracked(stop);
    void untracked(() => answerTo(asked));
  });
}

export function askAgain(): void {
  tryAgain();
  cameBy.value = "asking";
  again.value += 1;
}

/** There is nobody to ask: what was asked of others is not waited for. */
function stop(): void {
  questions.stop();
  pages.stop();
  batch(() => {
    searching.value = false;
    lengthening.value = false;
  });
}

async function answerTo(asked: Question): Promise<void> {
  const signal = questions.begin();
  const means = {collection: collection.value!, model: model.value ?? "", where: where.value};
  const known = cameBy.value === "history" ? knownAnswer(asked, means, reranks.value) : undefined;
  const isAsked = asksSomething(asked);
  pages.stop();
  batch(() => {
    pictureLost.value = false;
    pictureNeeded.value = null;
    trouble.value = null;
    furtherTrouble.value = null;
    lengthening.value = false;
    searching.value = isAsked && !known;
    if (!isAsked) answer.value = null;
    if (known) answer.value = {...known, question: asked};
  });
  if (!isAsked) return;
  try {
    if (!known) await firstPage(asked, {...means, signal});
    if (answer.value!.reranking === "looking") await rerankNow();
  } catch (error) {
    if (!signal.aborted) batch(() => failed(error));
  } finally {
    if (!signal.aborted) searching.value = false;
  }
}

/** The hits that there were stay. */
function failed(error: unknown): void {
  if (error instanceof PictureLost) pictureLost.value = true;
  else if (error instanceof PictureNeeded) pictureNeeded.value = error;
  else explain(error, askAgain);
}

async function firstPage(asked: Question, {signal, ...means}: Means): Promise<void> {
  const {page, reply, how} = await askOnce(asked, {...means, signal, offset: 0});
  const {sentPicture} = how;
  const reranking = rerankingOf(asked, reply);
  show({question: asked, means, ...page, reply, timingsMs: reply.timings_ms, how, sentPicture, reranking, rerankMs: null});
  if (how.meanwhile) warmUpAfterwards(means.model);
}

/** Show an answer in the place of another; a page that was to follow the other one is not waited for. */
export function show(shown: Answer): void {
  pages.stop();
  batch(() => {
    answer.value = shown;
    searching.value = false;
    lengthening.value = false;
  });
  keepAnswer(shown, reranks.value);
}

