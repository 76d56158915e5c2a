/** The hits in rows of equal height. One card is in the tab order; the arrow keys move between them. */

import {useRef, useState} from "preact/hooks";

import {texts} from "../i18n/language";
import type {Answer} from "../search/answer";
import {Card} from "./card";

type Props = {shown: Answer; stale: boolean};

export function Grid({shown, stale}: Props) {
  const {hits} = shown;
  const list = useRef<HTMLUListElement>(null);
  const [reached, setReached] = useState("");
  const current = hits.some((hit) => hit.id === reached) ? reached : hits[0]?.id;
  const keys = (event: KeyboardEvent) => {
    const links = [...list.current!.querySelectorAll<HTMLElement>(".picture")];
    const place = links.findIndex((link) => link.closest("li")!.contains(document.activeElement));
    const next = place < 0 ? null : neighbour(links, place, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
  };
  return (
    <ul
      ref={list}
      class={stale ? "grid stale" : "grid"}
      aria-label={texts.value.results.heading}
      onKeyDown={keys}
      onFocusIn={(event) => {
        const card = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>("li") : null;
        if (card?.dataset["id"]) setReached(card.dataset["id"]);
      }}
    >
      {hits.map((hit) => (
        <Card key={hit.id} hit={hit} from={shown.means.collection} reachable={hit.id === current} />
      ))}
    </ul>
  );
}

/** Where an arrow key leads: along the list, or to the card in the next row whose middle is nearest. */
function neighbour(links: readonly HTMLElement[], place: number, key: string): HTMLElement | null {
  switch (key) {
    case "ArrowRight":
      return links[place + 1] ?? null;
    case "ArrowLeft":
      return links[place - 1] ?? null;
    case "Home":
      return links[0] ?? null;
    case "End":
      return links.at(-1) ?? null;
    case "ArrowDown":
      return inNextRow(links.slice(place + 1), links[place]!);
    case "ArrowUp":
      return inNextRow(links.slice(0, place).reverse(), links[place]!);
    default:
      return null;
  }
}

function inNextRow(candidates: readonly HTMLElement[], from: HTMLElement): HTMLElement | null {
  const middle = (element: HTMLElement) => element.getBoundingClientRect().left + element.offsetWidth / 2;
  const top = (element: HTMLElement) => Math.round(element.getBoundingClientRect().top);
  const first = candidates.find((one) => top(one) !== top(from));
  if (!first) return null;
  const row = candidates.filter((one) => top(one) === top(first));
  const distance = (one: HTMLElement) => Math.abs(middle(one) - middle(from));
  return row.reduce((best, one) => (distance(one) < distance(best) ? one : best));
}
