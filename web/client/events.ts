import {LastingSocket} from "./sockets";
import type {Sockets, SocketState} from "./sockets";
import type {Problem} from "./problem";
import type {EventMessage, JobEvent} from "./types";

export interface EventOptions {
  /** The number of the last event that is known; only later ones come. */
  after?: number;
  onEvent(event: JobEvent): void;
  /** Some events are no longer kept: ask for the jobs themselves. */
  onGap?(): void;
  onState?(state: SocketState): void;
  onProblem?(problem: Problem): void;
}

export interface Subscription {
  /** The number of the last event that came. */
  readonly after: number | undefined;
  close(): void;
}

/** Follows the events; after a lost connection it goes on behind the last one, and none comes twice. */
export function subscribe(sockets: Sockets, o: EventOptions): Subscription {
  let after = o.after;
  const socket = new LastingSocket(sockets, {
    path: () => (after === undefined ? "/v1/events" : `/v1/events?after=${after}`),
    onMessage: (message) => {
      const {type, seq} = message as EventMessage;
      if (type === "gap") o.onGap?.();
      else if (type === "event" && (after === undefined || seq > after)) o.onEvent(message as JobEvent);
      else return;
      after = Math.max(after ?? 0, seq);
    },
    ...(o.onState && {onState: o.onState}),
    ...(o.onProblem && {onProblem: o.onProblem}),
  });
  return {
    get after() {
      return after;
    },
    close: () => socket.close(),
  };
}
