/** Pages of hits, without the picture that is searched with. Pure. */

import type {Hit, Reply} from "../../../client";

export type HitPage = {
  hits: readonly Hit[];
  /** Where the next page begins. */
  next: number;
  hasMore: boolean;
  /** How many pictures could be shown in all. */
  total: number;
  /** Id of the picture that is searched with, where it is seen to be in the collection; else ''. */
  self: string;
};

/**
 * The hits of a reply that are to be shown.
 *
 * One that stands for near-identical others stays, for they would go with it.
 *
 * `own`: id of the picture that is searched with, '' where it is not known.
 * `withOwn`: whether it is to be shown.
 */
export function pageOf(
  reply: Pick<Reply, "hits" | "has_more" | "total_matching" | "query_id">,
  o: {k: number; offset: number; own: string; withOwn: boolean},
): HitPage {
  const own = reply.query_id ?? o.own;
  const isLeftOut = (hit: Hit) => !o.withOwn && hit.id === own && !hit.group.some((id) => id !== own);
  const others = reply.hits.filter((hit) => !isLeftOut(hit));
  const hits = others.slice(0, o.k);
  const isRest = others.length > o.k;
  const isThere = reply.query_id !== null || (own !== "" && reply.hits.some((hit) => hit.id === own));
  return {
    hits,
    next: o.offset + (isRest ? reply.hits.indexOf(others[o.k]!) : reply.hits.length),
    hasMore: isRest || reply.has_more,
    total: reply.total_matching - (reply.hits.some(isLeftOut) ? 1 : 0),
    self: isThere ? own : "",
  };
}
