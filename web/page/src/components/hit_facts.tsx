/** What is known of a hit. Names and metadata are shown as text, whatever they hold. */

import type {Hit, Json} from "../../../client";
import {formatBytes, formatNumber, formatShare, texts} from "../i18n/language";

const MOST_FIELDS = 12;

export function HitFacts({hit}: {hit: Hit}) {
  const t = texts.value.card;
  return (
    <dl class="hit-facts">
      <div class="fact">
        <dt class="unseen">{t.name}</dt>
        <dd class="strong">{hit.name || t.unnamed}</dd>
      </div>
      <div class="fact">
        <dt>{t.similarity}</dt>
        <dd class="number">{formatNumber(hit.similarity, 4)}</dd>
      </div>
      {hit.confidence !== null && (
        <div class="fact">
          <dt>{t.confidence}</dt>
          <dd>{t.sure(formatShare(hit.confidence, 2))}</dd>
        </div>
      )}
      <div class="fact">
        <dt>{t.size}</dt>
        <dd class="number">
          {hit.width} × {hit.height} · {hit.format} · {formatBytes(hit.size_bytes)}
        </dd>
      </div>
      {Object.entries(hit.metadata)
        .slice(0, MOST_FIELDS)
        .map(([field, value]) => (
          <div class="fact" key={field}>
            <dt>{field}</dt>
            <dd>{wordsOf(value)}</dd>
          </div>
        ))}
    </dl>
  );
}

export function wordsOf(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
