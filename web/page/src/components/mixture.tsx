/** What is mixed in: more like these, less like those, each removable. */

import {texts} from "../i18n/language";
import {notify} from "../state/panels";
import {MOST_MIXED_IN} from "../state/question";
import {ask, question} from "../state/route";
import {Icon} from "./icons";
import {Thumbnail} from "./thumbnail";

export type Side = "more" | "less";

/** Mix a picture in, or out where it is in; it stands on one side at most. */
export function mix(side: Side, id: string): void {
  const {more, less} = question.value;
  const without = {more: more.filter((one) => one !== id), less: less.filter((one) => one !== id)};
  const isIn = question.value[side].includes(id);
  if (!isIn && without[side].length >= MOST_MIXED_IN) return notify(texts.value.mix.most);
  ask(isIn ? without : {...without, [side]: [...without[side], id]});
}

export function Mixture() {
  const {mix: t} = texts.value;
  const {more, less, source} = question.value;
  if (more.length + less.length === 0) return null;
  const clear = () => ask({more: [], less: []});
  return (
    <section class="mixture" aria-labelledby="mixture-heading">
      <header class="row between">
        <h2 id="mixture-heading">{t.heading}</h2>
        <button type="button" class="small quiet" onClick={clear}>
          {t.clear}
        </button>
      </header>
      <ul class="chips">
        {more.map((id) => (
          <Chip key={id} id={id} side="more" fixed={source.kind === "none" && more.length === 1 && less.length > 0} />
        ))}
        {less.map((id) => (
          <Chip key={id} id={id} side="less" fixed={false} />
        ))}
      </ul>
    </section>
  );
}

/** `fixed`: the last picture that is to be found alike; without it there would be nothing to search for. */
function Chip({id, side, fixed}: {id: string; side: Side; fixed: boolean}) {
  const {mix: t} = texts.value;
  const words = side === "more" ? t.more : t.less;
  const remove = side === "more" ? t.removeMore : t.removeLess;
  return (
    <li class={`chip ${side}`}>
      <span class="chip-sign">
        <Icon name={side === "more" ? "plus" : "minus"} />
      </span>
      <Thumbnail id={id} alt={words} side={96} />
      <button type="button" class="quiet" aria-label={remove} title={remove} disabled={fixed} onClick={() => mix(side, id)}>
        <Icon name="close" />
      </button>
    </li>
  );
}
