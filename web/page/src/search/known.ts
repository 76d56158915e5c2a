/** Answers that were shown, so that going back shows them at once. */

import {type Question, toParams} from "../state/question";
import type {Answer} from "./answer";

const KEPT = 30;
const known = new Map<string, Answer>();

export function knownAnswer(question: Question, means: Answer["means"], reranks: boolean): Answer | undefined {
  return known.get(nameOf(question, means, reranks));
}

export function keepAnswer(answer: Answer, reranks: boolean): void {
  const name = nameOf(answer.question, answer.means, reranks);
  known.delete(name);
  known.set(name, answer);
  if (known.size > KEPT) known.delete(known.keys().next().value!);
}

export function forgetAnswers(): void {
  known.clear();
}

/** All that an answer depends on; an address without a collection means the first that there is. */
function nameOf(question: Question, {collection, model, where}: Answer["means"], reranks: boolean): string {
  return [collection.name, model, where, reranks, toParams({...question, collection: ""})].join(" ");
}
