/** Of several runs of the same thing only the newest counts: a reply that comes late never takes the place of a newer one. Pure. */

export class Latest {
  #running: AbortController | null = null;

  /** Begin a run, which ends the one before. Its signal is aborted as soon as a newer one begins. */
  begin(): AbortSignal {
    this.stop();
    this.#running = new AbortController();
    return this.#running.signal;
  }

  /** End the run of now, without another. */
  stop(): void {
    this.#running?.abort();
    this.#running = null;
  }

  /** The signal of the run of now; null where there is none. */
  get signal(): AbortSignal | null {
    return this.#running?.signal ?? null;
  }
}

/**
 * What comes of some work, as long as its run is the newest.
 *
 * Work that cannot be stopped goes on; what it gives then, a failure too, is passed over.
 *
 * Raises:
 *   the signal's reason, once the run has ended.
 */
export async function whileWanted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    const given = await work;
    signal.throwIfAborted();
    return given;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
