/** The one picture that is chosen already, while the other is looked for. */

import {texts} from "../i18n/language";
import {chooseNone, chooseQuery, chosen} from "../state/comparison";
import {question} from "../state/route";
import {Icon} from "./icons";
import {Thumbnail} from "./thumbnail";

export function CompareTray() {
  const {compare: t} = texts.value;
  const [only] = chosen.value;
  if (chosen.value.length !== 1 || only?.kind !== "hit") return null;
  const {kind} = question.value.source;
  return (
    <section class="tray" aria-label={t.heading}>
      <Thumbnail id={only.hit.id} alt={only.hit.name} side={96} from={only.from} />
      <p>{t.chooseOther}</p>
      {(kind === "picture" || kind === "id") && (
        <button type="button" class="primary small" onClick={chooseQuery}>
          {t.withQuery}
        </button>
      )}
      <button type="button" class="quiet small round" onClick={chooseNone} aria-label={t.cancel} title={t.cancel}>
        <Icon name="close" />
      </button>
    </section>
  );
}
