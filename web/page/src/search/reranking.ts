/** The tiered mode: where the first answer is not sure, a finer model looks again, if it may see the picture. */

import type {Reply} from "../../../client";
import {reranks} from "../state/preferences";
import type {Question} from "../state/question";
import {reranker} from "../state/service";
import {isStopped} from "../state/trouble";
import {answer, isOld, questions, show, type Reranking} from "./answer";
import {askOnce} from "./asking";
import {allowSending, maySend} from "./sending";

/** Looking again is for one picture from outside: of a mixture there is no picture to look at. */
export function rerankingOf(asked: Question, reply: Reply): Reranking {
  if (!reranks.value || !reranker.value || !isOnePicture(asked)) return "off";
  if (reply.sure === null) return "unknown";
  if (reply.sure) return "first";
  return asked.source.kind === "picture" && !maySend(asked.source.key) ? "offered" : "looking";
}

function isOnePicture({source, more, less}: Question): boolean {
  return (source.kind === "picture" || source.kind === "url") && more.length + less.length === 0;
}

/** Have the finer model look again at what the answer of now was asked for; its answer takes the place of the first. */
export async function rerankNow(): Promise<void> {
  const first = answer.value;
  const {signal} = questions;
  if (!first || !signal || !reranker.value) return;
  if (first.reranking !== "looking") show({...first, reranking: "looking"});
  const begun = performance.now();
  try {
    const {page, reply, how} = await askOnce(first.question, {...first.means, signal, offset: 0, rerank: reranker.value});
    const rerankMs = performance.now() - begun;
    show({...first, ...page, reply, reranking: "reranked", rerankMs, sentPicture: first.sentPicture || how.sentPicture});
  } catch (error) {
    if (!signal.aborted && !isStopped(error)) show({...first, reranking: "failed"});
  }
}

/** The person has said that this picture may be sent for a finer look. */
export function sendForReranking(): void {
  const shown = answer.value;
  if (shown?.reranking !== "offered" || isOld.value || shown.question.source.kind !== "picture") return;
  allowSending(shown.question.source.key);
  void rerankNow();
}
