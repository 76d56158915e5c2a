/** Seconds before try number `tried + 1`: doubled each time, up to a bound, and spread so that not all come at once. */
export function backOffS(tried: number, o: {first?: number; most?: number} = {}): number {
  const whole = Math.min((o.first ?? 0.25) * 2 ** (tried - 1), o.most ?? 10);
  return whole * (0.5 + Math.random() / 2);
}

/** Waits; throws the signal's reason where it is aborted before. */
export async function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", stop, {once: true});
  });
}
