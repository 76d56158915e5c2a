/** The right side: how many, which filter, the grid, and more of it as one scrolls. */

import {useEffect, useRef, useState} from "preact/hooks";

import {texts} from "../i18n/language";
import {answer, lengthening, pictureLost, searching, showMore} from "../search/answer";
import {announce} from "../state/panels";
import {ask, question} from "../state/route";
import {trouble} from "../state/trouble";
import {FilterPanel} from "./filter_panel";
import {Grid} from "./grid";
import {Icon} from "./icons";

const AT_A_TIME = [12, 24, 48, 96];

export function Results() {
  const {results: t} = texts.value;
  const shown = answer.value;
  const busy = searching.value || shown?.tier === "looking";
  useAnnouncements();
  return (
    <section class="results" id="results" aria-labelledby="results-heading" aria-busy={busy} tabIndex={-1}>
      <Toolbar />
      {shown && <Grid hits={shown.hits} stale={searching.value} />}
      {!shown && searching.value && <Skeleton />}
      {shown && shown.hits.length === 0 && !searching.value && <NothingFound />}
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
  const count = searching.value ? t.searching : shown ? t.found(shown.hits.length, shown.reply.total_matching) : "";
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
            {filter ? `${f.heading}: ${f.active(Object.keys(filter).length)}` : f.heading}
          </button>
        </div>
      </header>
      <div id="filter">{open && <FilterPanel />}</div>
    </>
  );
}

function NothingFound() {
  const {results: t} = texts.value;
  const filtered = question.value.filter !== null;
  return (
    <div class="note nothing">
      <p>{filtered ? t.noneFiltered : t.none}</p>
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
  const stopped = trouble.value !== null;
  useEffect(() => {
    if (!shown.hasMore || stopped || lengthening.value) return;
    const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && void showMore(), {
      rootMargin: "500px",
    });
    watcher.observe(end.current!);
    return () => watcher.disconnect();
  }, [shown.hits.length, shown.hasMore, stopped, lengthening.value]);
  return (
    <div class="further" ref={end}>
      {shown.hasMore ? (
        <button type="button" disabled={lengthening.value} onClick={() => void showMore()}>
          {lengthening.value ? t.searching : t.loadMore}
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
  const before = useRef(0);
  const shown = answer.value;
  const count = shown?.hits.length ?? 0;
  useEffect(() => {
    if (!shown) return;
    const {announce: first, announceMore} = texts.value.results;
    const longer = before.current > 0 && count > before.current && shown.hits.length > shown.reply.hits.length;
    announce(longer ? announceMore(count - before.current, count) : first(count));
    before.current = count;
    if (document.activeElement === document.body) document.getElementById("results")?.focus({preventScroll: true});
  }, [shown?.reply, count]);
  useEffect(() => {
    if (pictureLost.value) announce(texts.value.source.lost);
  }, [pictureLost.value]);
}
