import { NO_USAGE, type Usage } from "../lib/quantities.ts";
import { awaitUsage } from "./look-up-usage.ts";
import type { Upstream } from "./upstream.ts";

/**
 * What an attempt really used, asked of the provider after a disconnect or a crash.
 *
 * @returns undefined when the provider cannot be asked or does not know yet: the caller counts instead.
 */
export async function learnUsage(
  upstream: Upstream,
  attemptId: string,
  options: { deadlineMs: number; onTrouble(error: unknown): void },
): Promise<Usage | undefined> {
  if (upstream.quirks.usage_lookup !== true) return undefined;
  const { deadlineMs } = options;
  try {
    const signal = AbortSignal.timeout(deadlineMs);
    const found = await awaitUsage(upstream, attemptId, { signal, deadlineMs });
    if (found.state === "finished") return { ...found.usage, source: "lookup" };
    // It never saw the attempt, so it cannot have worked on it.
    return found.state === "unknown" ? NO_USAGE : undefined;
  } catch (error) {
    options.onTrouble(error);
    return undefined;
  }
}
