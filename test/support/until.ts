/** Waits for something to become true by asking again, with a deadline: nothing in a test waits for a fixed time. */
const BETWEEN_ASKS_MS = 5;
const BETWEEN_ASKS_MS_MAX = 50;
const DEADLINE_MS = 15_000;

/**
 * Asks until the answer is neither undefined nor false, and returns it.
 *
 * @throws Error that names what did not happen, and with `describe` what there was instead.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  options: { deadlineMs?: number; describe?: () => unknown } = {},
): Promise<T> {
  const endMs = performance.now() + (options.deadlineMs ?? DEADLINE_MS);
  for (let waitMs = BETWEEN_ASKS_MS; ; waitMs = Math.min(waitMs * 1.5, BETWEEN_ASKS_MS_MAX)) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > endMs) {
      const instead = options.describe === undefined ? "" : `: ${Bun.inspect(options.describe())}`;
      throw new Error(`${what} did not happen in time${instead}`);
    }
    await Bun.sleep(waitMs);
  }
}
