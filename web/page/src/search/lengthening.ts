/** The next page of an answer, in the order of the pages before it. */

import {batch} from "@preact/signals";

import {reranker} from "../state/service";
import {explain, needsCredential, troubleOf} from "../state/trouble";
import {type Answer, answer, furtherTrouble, lengthening, pages, searching, show} from "./answer";
import {askOnce} from "./asking";

/** Whether a page can be asked for now: not while another order of the hits is on its way. */
export function canLengthen(shown: Answer | null): boolean {
  return shown !== null && shown.hasMore && shown.reranking !== "looking" && !lengthening.value && !searching.value;
}

/** Add the next page to the hits. One at a time; a failure is shown where the page would stand, and can be tried again. */
export async function showMore(): Promise<void> {
  const current = answer.value;
  if (!current || !canLengthen(current)) return;
  const signal = pages.begin();
  batch(() => {
    lengthening.value = true;
    furtherTrouble.value = null;
  });
  try {
    const {page} = await askOnce(current.question, {...meansOf(current), signal, offset: current.next, ...rerankOf(current)});
    const shown = new Set(current.hits.map((hit) => hit.id));
    const added = page.hits.filter((hit) => !shown.has(hit.id));
    show({
      ...current,
      hits: [...current.hits, ...added],
      next: page.next,
      hasMore: page.hasMore && page.next > current.next,
      total: Math.min(current.total, page.total),
      self: current.self || page.self,
    });
  } catch (error) {
    if (signal.aborted) return;
    if (needsCredential(error)) explain(error, () => void showMore());
    else furtherTrouble.value = troubleOf(error, () => void showMore());
  } finally {
    if (!signal.aborted) lengthening.value = false;
  }
}

/** An answer that the service's vector began is not gone on with by the browser's, which may differ in its last digits. */
function meansOf({means, how}: Answer): Answer["means"] {
  return how.sentPicture ? {...means, where: "server"} : means;
}

function rerankOf({reranking}: Answer): {rerank?: string} {
  return reranking === "reranked" && reranker.value ? {rerank: reranker.value} : {};
}
