/** Answers that were shown, so that going back shows them at once. */

import {type Question, toParams} from "../state/question";
import type {Answer} from "./answer";

const KEPT = 30;
const known = new Map<string, Answer>();

export function knownAnswer(question: Question, means: Answer["means"], tiered: boolean): Answer | undefined {
  return known.get(nameOf(question, means, tiered));
}

export function keepAnswer(answer: Answer, tiered: boolean): void {
  const name = nameOf(answer.question, answer.means, tiered);
  known.delete(name);
  known.set(name, answer);
  if (known.size > KEPT) known.delete(known.keys().next().value!);
}

export function forgetAnswers(): void {
  known.clear();
}

/** All that an answer depends on; an address without a collection means the first that there is. */
function nameOf(question: Question, {collection, model, where}: Answer["means"], tiered: boolean): string {
  return [collection.name, model, where, tiered, toParams({...question, collection: ""})].join(" ");
}
