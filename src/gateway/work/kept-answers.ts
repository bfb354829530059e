/** The rows of `kept_answer`, as a gateway writes them: asked again until the database has said what is so. */
import { beginKept, endUnkept, type Kept, keepAnswer } from "../../domains/jobs/index.ts";
import type { Database } from "../../platform/db/database.ts";
import { isDatabaseUnavailable } from "../../platform/db/unavailable.ts";
import type { Log } from "../../platform/log.ts";

export type KeptAnswers = {
  /** False: this run was begun before or nobody wants it any more; it must not be dispatched. */
  begin(run: { requestId: string; jobId: string; organizationId: bigint }): Promise<boolean>;
  /**
   * Waits for the database as long as this process lives: the provider has been asked, and only the row says whether
   * that is charged. False: the run was made void meanwhile.
   */
  keep(kept: Kept): Promise<boolean>;
  /** There will be no answer. Waits for the database, too: whoever looks at the row would wait for us. */
  end(requestId: string): Promise<void>;
};

const RETRY_MS = 250;

export function keptAnswers(options: {
  database: Database;
  gatewayId: string;
  log: Log;
  /** Aborted when this process gives up what is still under way; recovery decides then. */
  signal: AbortSignal;
}): KeptAnswers {
  const { database, gatewayId, log, signal } = options;
  const untilTold = async <T>(requestId: string, tell: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await tell();
      } catch (error) {
        if (signal.aborted || !isDatabaseUnavailable(error)) throw error;
        if (tries === 1) {
          log.warn("an answer cannot be kept yet; trying again", { requestId, error });
        }
        await Bun.sleep(RETRY_MS);
      }
    }
  };
  return {
    begin: (run) => beginKept(database, { ...run, gatewayId }),
    keep: (kept) => untilTold(kept.requestId, () => keepAnswer(database, kept)),
    end: (requestId) => untilTold(requestId, () => endUnkept(database, requestId)),
  };
}
