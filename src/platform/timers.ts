/** Work that repeats: one run at a time, errors logged, the next run planned when the last one ended. */
import type { Log } from "./log.ts";

export type Repeating = {
  /** Stops the repetition; a run under way is waited for. */
  stop(): Promise<void>;
};

export function every(
  intervalMs: number,
  options: { log: Log; what: string; retryMs?: number },
  run: () => Promise<unknown>,
): Repeating {
  let isStopped = false;
  let timer: Timer | undefined;
  let running: Promise<void> = Promise.resolve();

  const plan = (waitMs: number): void => {
    if (isStopped) return;
    timer = setTimeout(() => {
      running = runOnce();
    }, waitMs);
  };
  const runOnce = async (): Promise<void> => {
    let waitMs = intervalMs;
    try {
      await run();
    } catch (error) {
      waitMs = options.retryMs ?? intervalMs;
      options.log.warn(`could not ${options.what}; trying again`, { error });
    }
    plan(waitMs);
  };
  plan(intervalMs);
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
