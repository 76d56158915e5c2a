/** One hit: the picture, how alike it is, and what can be done with it. */

import type {CollectionClient, Hit} from "../../../client";
import {formatNumber, formatShare, texts} from "../i18n/language";
import {choose, isChosen} from "../state/comparison";
import {NOTHING_ASKED} from "../state/question";
import {addressOf, question} from "../state/route";
import {askFrom, collectionName} from "../state/service";
import {Icon} from "./icons";
import {mix, type Side} from "./mixture";
import {Thumbnail} from "./thumbnail";

type Props = {hit: Hit; from: CollectionClient; reachable: boolean};

/** `from`: the collection it was found in. `reachable`: whether Tab leads to it; the arrow keys lead to the others. */
export function Card({hit, from, reachable}: Props) {
  const t = texts.value.card;
  const name = hit.name || t.unnamed;
  const similarity = formatNumber(hit.similarity, 3);
  const tabIndex = reachable ? 0 : -1;
  return (
    <li class="card" style={{"--ratio": ratioOf(hit)}} data-id={hit.id} onKeyDown={(event) => from.name === collectionName.value && keys(event, hit, from)}>
      <a
        class="picture"
        href={addressOf({...NOTHING_ASKED, ...kept(from), source: {kind: "id", id: hit.id}})}
        tabIndex={tabIndex}
        aria-label={t.searchFrom(name, similarity)}
        title={name}
        draggable={false}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          askFrom(hit.id, from);
        }}
      >
        <Thumbnail id={hit.id} alt="" from={from} />
      </a>
      <Badges hit={hit} />
      <div class="card-line">
        <span class="likeness" aria-hidden="true">
          <i style={{width: `${Math.max(0, Math.min(1, hit.similarity)) * 100}%`}} />
        </span>
        <span class="number" title={t.similarity}>
          {similarity}
        </span>
        {hit.confidence !== null && (
          <span class="number confidence" title={t.sure(formatShare(hit.confidence, 2))}>
            {formatShare(hit.confidence)}
            <span class="unseen"> {t.confidence}</span>
          </span>
        )}
      </div>
      <p class="card-name">{name}</p>
      {from.name === collectionName.value && <Actions hit={hit} from={from} tabIndex={tabIndex} />}
    </li>
  );
}

function Badges({hit}: {hit: Hit}) {
  const t = texts.value.card;
  const others = hit.group.filter((id) => id !== hit.id).length;
  if (!others && !hit.copies && !hit.provisional) return null;
  return (
    <p class="badges">
      {others > 0 && <span>{t.group(others)}</span>}
      {hit.copies > 0 && <span>{t.copies(hit.copies)}</span>}
      {hit.provisional && <span class="provisional">{t.provisional}</span>}
    </p>
  );
}

function Actions({hit, from, tabIndex}: {hit: Hit; from: CollectionClient; tabIndex: number}) {
  const {mix: m, card: t} = texts.value;
  const chosen = isChosen(hit.id);
  return (
    <div class="actions">
      <MixButton side="more" hit={hit} tabIndex={tabIndex} label={m.more} />
      <MixButton side="less" hit={hit} tabIndex={tabIndex} label={m.less} />
      <button
        type="button"
        tabIndex={tabIndex}
        aria-pressed={chosen}
        aria-label={t.compare}
        title={chosen ? t.compareChosen : t.compare}
        onClick={() => choose(hit, from)}
      >
        <Icon name="compare" />
      </button>
    </div>
  );
}

function MixButton({side, hit, tabIndex, label}: {side: Side; hit: Hit; tabIndex: number; label: string}) {
  return (
    <button
      type="button"
      tabIndex={tabIndex}
      aria-pressed={question.value[side].includes(hit.id)}
      aria-label={label}
      title={label}
      onClick={() => mix(side, hit.id)}
    >
      <Icon name={side === "more" ? "plus" : "minus"} />
    </button>
  );
}

/** What stays when another picture is searched with. */
function kept(from: CollectionClient) {
  const {collection, filter, collapse, k} = question.value;
  return from.name === collectionName.value ? {collection, filter, collapse, k} : {collection: from.name, collapse, k};
}

/** Shortcuts on a card, so that not every button need be walked to. */
function keys(event: KeyboardEvent, hit: Hit, from: CollectionClient): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "+" || event.key === "=") mix("more", hit.id);
  else if (event.key === "-") mix("less", hit.id);
  else if (event.key === "c" || event.key === "C") choose(hit, from);
  else return;
  event.preventDefault();
}

/** Neither so narrow that the buttons do not fit nor so wide that one fills the row. */
function ratioOf(hit: Hit): number {
  return Math.min(Math.max(hit.width / hit.height || 1, 0.72), 1.9);
}
