/** What the person searched with goes, and all that is known by it: here, and in every other tab of this browser. */

import {texts} from "../i18n/language";
import {notify} from "../state/panels";
import {forgetPictures, whenForgottenElsewhere} from "../state/pictures";
import {question, startAgain} from "../state/route";
import {forgetVectors} from "./browser";
import {forgetAnswers} from "./known";

export async function forgetOwnPictures(): Promise<void> {
  await forgetPictures();
  beginAnew();
}

/** Follow other tabs in which somebody says so. */
export function followForgetting(): void {
  whenForgottenElsewhere(beginAnew);
}

function beginAnew(): void {
  forgetAnswers();
  forgetVectors();
  notify(texts.value.settings.forgotten);
  if (question.value.source.kind === "picture") startAgain({replace: true});
}
