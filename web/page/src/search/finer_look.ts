/** The tiered mode: where the first answer is not sure, a finer model looks again, if it may see the picture. */

import type {Reply} from "../../../client";
import {tiered} from "../state/preferences";
import type {Question} from "../state/question";
import {finer} from "../state/service";
import {isStopped} from "../state/trouble";
import {answer, isOld, questions, show, type Tier} from "./answer";
import {askOnce} from "./asking";
import {allowSending, maySend} from "./sending";

/** Looking again is for one picture from outside: of a mixture there is no picture to look at. */
export function tierOf(asked: Question, reply: Reply): Tier {
  if (!tiered.value || !finer.value || !isOnePicture(asked)) return "off";
  if (reply.sure === null) return "unknown";
  if (reply.sure) return "first";
  return asked.source.kind === "picture" && !maySend(asked.source.key) ? "offered" : "looking";
}

function isOnePicture({source, more, less}: Question): boolean {
  return (source.kind === "picture" || source.kind === "url") && more.length + less.length === 0;
}

/** Have the finer model look again at what the answer of now was asked for; its answer takes the place of the first. */
export async function lookCloser(): Promise<void> {
  const first = answer.value;
  const {signal} = questions;
  if (!first || !signal || !finer.value) return;
  if (first.tier !== "looking") show({...first, tier: "looking"});
  const begun = performance.now();
  try {
    const {page, reply, how} = await askOnce(first.question, {...first.means, signal, offset: 0, opinion: finer.value});
    const finerMs = performance.now() - begun;
    show({...first, ...page, reply, tier: "finer", finerMs, sentPicture: first.sentPicture || how.sentPicture});
  } catch (error) {
    if (!signal.aborted && !isStopped(error)) show({...first, tier: "failed"});
  }
}

/** The person has said that this picture may be sent for a finer look. */
export function sendForFinerLook(): void {
  const shown = answer.value;
  if (shown?.tier !== "offered" || isOld.value || shown.question.source.kind !== "picture") return;
  allowSending(shown.question.source.key);
  void lookCloser();
}
