/** The right side: how many, which filter, the grid, and more of it as one scrolls. */

import {useEffect, useRef, useState} from "preact/hooks";

import type {Reply} from "../../../client";
import {named, sentences, texts} from "../i18n/language";
import {sayFetching} from "../i18n/said";
import {type Answer, answer, furtherTrouble, isOld, lengthening, pictureLost, searching} from "../search/answer";
import {fetched} from "../search/browser";
import {canLengthen, showMore} from "../search/lengthening";
import {announce} from "../state/panels";
import {where} from "../state/preferences";
import {conditionsIn} from "../state/filter";
import {ask, question} from "../state/route";
import {FilterPanel} from "./filter_panel";
import {Grid} from "./grid";
import {Icon} from "./icons";
import {RerankOffer, VectorOffer} from "./offer";
import {Trouble} from "./problem";

const AT_A_TIME = [12, 24, 48, 96];

export function Results() {
  const {results: t} = texts.value;
  const shown = answer.value;
  const busy = searching.value || shown?.reranking === "looking";
  useAnnouncements();
  return (
    <section class="results" id="results" aria-labelledby="results-heading" aria-busy={busy} tabIndex={-1}>
      <Toolbar />
      <VectorOffer />
      <RerankOffer />
      {shown && isOld.value && !searching.value && <OldNote shown={shown} />}
      {shown && (!isOld.value || searching.value) && <OwnNote shown={shown} />}
      {shown && (!isOld.value || searching.value) && isLikeNothing(shown) && <p class="note unlike">{t.nothingLikeIt}</p>}
      {shown && <Grid shown={shown} stale={searching.value} />}
      {!shown && searching.value && <Skeleton />}
      {shown && shown.hits.length === 0 && !searching.value && <NothingFound shown={shown} />}
      {shown && shown.hits.length > 0 && <More />}
      {shown && shown.hits.length > 0 && <p class="hint keys">{t.keys}</p>}
    </section>
  );
}

function Toolbar() {
  const {results: t, filter: f} = texts.value;
  const [open, setOpen] = useState(false);
  const shown = answer.value;
  const {filter, collapse, k} = question.value;
  const choices = AT_A_TIME.includes(k) ? AT_A_TIME : [...AT_A_TIME, k].sort((one, other) => one - other);
  // Elsewhere nobody waits for the model.
  const waiting = where.value === "browser" && fetched.value !== null ? sayFetching(fetched.value) : t.searching;
  const count = searching.value ? waiting : shown?.hits.length ? t.found(shown.hits.length, shown.total) : "";
  return (
    <>
      <header class="toolbar">
        <h1 id="results-heading">{t.heading}</h1>
        <p class="count">{count}</p>
        <div class="toolbar-right">
          <label class="check">
            <input
              type="checkbox"
              checked={collapse === "group"}
              onChange={(event) => ask({collapse: event.currentTarget.checked ? "group" : "none"})}
            />
            {t.collapse}
          </label>
          <label class="chooser">
            <span class="chooser-name">{t.perPage}</span>
            <select value={String(k)} onChange={(event) => ask({k: Number(event.currentTarget.value)})}>
              {choices.map((one) => (
                <option key={one} value={String(one)}>
                  {one}
                </option>
              ))}
            </select>
          </label>
          <button type="button" class={filter ? "small on" : "small"} aria-expanded={open} aria-controls="filter" onClick={() => setOpen(!open)}>
            <Icon name="filter" />
            {filter ? named(f.heading, f.active(conditionsIn(filter))) : f.heading}
          </button>
        </div>
      </header>
      <div id="filter">{open && <FilterPanel />}</div>
    </>
  );
}

/** The search of now has no hits: those of the one before stay. */
function OldNote({shown}: {shown: Answer}) {
  return (
    <p class="note old">
      {texts.value.results.old(shown.means.collection.name)}
    </p>
  );
}

/** Even the best hit is as good as chance, and there are hits of which to say so. */
function isLikeNothing({reply, hits}: Answer): boolean {
  return reply.nothing_like_it === true && hits.length > 0;
}

/** The very picture that is searched with is in the collection: said, and shown where it is wanted. */
function OwnNote({shown}: {shown: Answer}) {
  const {own: t} = texts.value;
  if (!shown.self) return null;
  const {withOwn} = shown.question;
  return (
    <p class="own row">
      <span class="hint">{shown.question.source.kind === "id" ? t.ofCollection(withOwn) : t.isThere(withOwn)}</span>
      <button type="button" class="small quiet" onClick={() => ask({withOwn: !withOwn})}>
        {withOwn ? t.leaveOut : t.show}
      </button>
    </p>
  );
}

function NothingFound({shown}: {shown: Answer}) {
  const {results: t} = texts.value;
  const filtered = question.value.filter !== null;
  const hasOwn = shown.self !== "" && !shown.question.withOwn;
  return (
    <div class="note nothing">
      <p>{filtered ? t.noneFiltered(hasOwn) : t.none(hasOwn)}</p>
      {filtered && (
        <button type="button" onClick={() => ask({filter: null})}>
          {t.removeFilter}
        </button>
      )}
    </div>
  );
}

/** The next page comes when the end comes near, or by the button. */
function More() {
  const {results: t} = texts.value;
  const end = useRef<HTMLDivElement>(null);
  const shown = answer.value!;
  const stopped = furtherTrouble.value !== null;
  const possible = canLengthen(shown);
  useEffect(() => {
    if (stopped || !possible) return;
    const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && void showMore(), {
      rootMargin: "500px",
    });
    watcher.observe(end.current!);
    return () => watcher.disconnect();
  }, [shown.hits.length, stopped, possible]);
  return (
    <div class="further" ref={end}>
      {furtherTrouble.value ? (
        <Trouble shown={furtherTrouble.value} heading={t.furtherFailed} onClose={() => (furtherTrouble.value = null)} />
      ) : shown.hasMore ? (
        // Not `disabled`, by which it would lose the focus.
        <button type="button" aria-disabled={!possible} onClick={() => void showMore()}>
          {lengthening.value ? t.searching : shown.reranking === "looking" ? texts.value.status.rerankLooking : t.loadMore}
        </button>
      ) : (
        <p class="hint">{t.end}</p>
      )}
    </div>
  );
}

const RATIOS = [1.4, 0.8, 1.1, 1.7, 1, 1.3, 0.75, 1.5, 1.2, 0.9, 1.6, 1];

function Skeleton() {
  return (
    <ul class="grid skeleton" aria-hidden="true">
      {RATIOS.map((ratio, place) => (
        <li key={place} class="card" style={{"--ratio": ratio}}>
          <span class="picture">
            <span class="thumbnail loading" />
          </span>
          <span class="card-line loading" />
        </li>
      ))}
    </ul>
  );
}

/** Screen readers are told what came; the focus, if its card has gone, moves to the results. */
function useAnnouncements(): void {
  const before = useRef<{reply: Reply; count: number} | null>(null);
  const shown = answer.value;
  const count = shown?.hits.length ?? 0;
  useEffect(() => {
    if (!shown) return;
    const {announce: first, announceMore, nothingLikeIt} = texts.value.results;
    const added = before.current?.reply === shown.reply ? count - before.current.count : 0;
    announce(added > 0 ? announceMore(added, count) : sentences(first(count), isLikeNothing(shown) ? nothingLikeIt : ""));
    before.current = {reply: shown.reply, count};
    if (document.activeElement === document.body) document.getElementById("results")?.focus({preventScroll: true});
  }, [shown?.reply, count]);
  useEffect(() => {
    if (pictureLost.value) announce(texts.value.source.lost);
  }, [pictureLost.value]);
}
