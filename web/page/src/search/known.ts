/** Answers that were shown, so that going back shows them at once. */

import {type Question, toParams} from "../state/question";
import type {Answer} from "./answer";

const KEPT = 30;
const known = new Map<string, Answer>();

export function knownAnswer(question: Question, where: string): Answer | undefined {
  return known.get(nameOf(question, where));
}

export function keepAnswer(answer: Answer, where: string): void {
  const name = nameOf(answer.question, where);
  known.delete(name);
  known.set(name, answer);
  if (known.size > KEPT) known.delete(known.keys().next().value!);
}

function nameOf(question: Question, where: string): string {
  return `${where} ${toParams(question)}`;
}
