/** Where the time went, as a list of stages. Pure. */

import type {Answer} from "./answer";

export type Stage = {place: "browser" | "network" | "service"; name: string; ms: number};

/** In the order in which they happened; the service's total is left out, for it is the sum of its stages, and a finer look is one. */
export function stagesOf({how, timingsMs, rerankMs}: Pick<Answer, "how" | "timingsMs" | "rerankMs">): Stage[] {
  const timings = how.vector?.timings;
  const here: Stage[] = timings
    ? [
        {place: "browser", name: "decode", ms: timings.decode_ms},
        {place: "browser", name: "resize", ms: timings.resize_ms},
        {place: "browser", name: "run", ms: timings.run_ms},
      ]
    : [];
  const there: Stage[] = Object.entries(timingsMs)
    .filter(([name]) => name !== "total")
    .map(([name, ms]) => ({place: "service", name, ms}));
  const reranker: Stage[] = rerankMs === null ? [] : [{place: "service", name: "reranked", ms: rerankMs}];
  return [...here, {place: "network", name: "network", ms: how.networkMs}, ...there, ...reranker];
}
