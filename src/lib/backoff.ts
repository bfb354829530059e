/**
 * How long to wait before trying again: exponential with full jitter, so that many who failed together do not
 * come back together. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export type Backoff = {
  /** Upper bound of the first wait; it doubles with each failure. */
  firstMs: number;
  maxMs: number;
};

/** `failures` counts from 1. `chance` is a number from 0 to 1, drawn by the caller. */
export function backoffMs(backoff: Backoff, failures: number, chance: number): number {
  // 2^30 is far beyond any `maxMs`; a bound keeps the power finite.
  const bound = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.ceil(bound * chance);
}

/** Resolves after `ms`, or at once when the signal is aborted: true when the whole time has passed. */
export function sleep(ms: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve(false);
      return;
    }
    const wake = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", wake);
      resolve(true);
    }, ms);
    signal?.addEventListener("abort", wake, { once: true });
  });
}
