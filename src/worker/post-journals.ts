/** Finds the journals of all gateway processes of this machine and posts them, each by its own loop. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readKept } from "../domains/jobs/index.ts";
import type { LedgerStore } from "../domains/ledger/index.ts";
import type { Clock } from "../lib/clock.ts";
import { isUuid } from "../lib/ids.ts";
import type { Database } from "../platform/db/database.ts";
import { folderDisk } from "../platform/journal/disk.ts";
import type { Log } from "../platform/log.ts";
import { askLiveness, processSocketOf, runFolderOf } from "../platform/process-sockets.ts";
import { JournalPoster } from "./journal-poster.ts";
import { recoverGateway } from "./recover-gateway.ts";

export type PostingOptions = {
  home: string;
  database: Database;
  store: LedgerStore;
  sealKey: string;
  batchSize: number;
  /** Between two looks at a journal that had nothing new. */
  pollMs: number;
  clock: Clock;
  log: Log;
};

/** After trouble, such as a database that is away. */
const RETRY_MS = 500;
/** An idle journal's process is asked whether it lives this often at most. */
const LIVENESS_INTERVAL_MS = 500;

export class Posting {
  readonly #options: PostingOptions;
  readonly #loops = new Map<string, Promise<void>>();
  #isStopped = false;

  constructor(options: PostingOptions) {
    this.#options = options;
  }

  /** Looks for journals that nobody posts yet. */
  async discover(): Promise<void> {
    const folder = join(this.#options.home, "journal");
    const names = await readdir(folder).catch(() => []);
    for (const gatewayId of names.filter(isUuid)) {
      if (this.#isStopped || this.#loops.has(gatewayId)) continue;
      const loop = this.#postUntilRecovered(gatewayId, join(folder, gatewayId));
      this.#loops.set(
        gatewayId,
        loop.finally(() => this.#loops.delete(gatewayId)),
      );
    }
  }

  /** Ends the loops; everything readable by now has been posted where the database allowed it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#loops.values());
  }

  async #postUntilRecovered(gatewayId: string, folder: string): Promise<void> {
    const { store, batchSize, pollMs, log } = this.#options;
    const poster = new JournalPoster({ gatewayId, disk: folderDisk(folder), store, batchSize });
    let isSaidToBeStuck = false;
    let checkedMs = 0;
    for (;;) {
      const isLastRound = this.#isStopped;
      let waitMs = pollMs;
      try {
        const read = await poster.step();
        isSaidToBeStuck = false;
        if (read > 0) continue;
        if (this.#options.clock.monotonicMs() - checkedMs > LIVENESS_INTERVAL_MS) {
          checkedMs = this.#options.clock.monotonicMs();
          if (await this.#recoverIfDead(poster, { gatewayId, folder })) return;
        }
      } catch (error) {
        if (!isSaidToBeStuck)
          log.error("a journal could not be posted; trying again", { gatewayId, error });
        isSaidToBeStuck = true;
        waitMs = RETRY_MS;
      }
      if (isLastRound) break;
      await Bun.sleep(waitMs);
    }
    await poster.close();
  }

  async #recoverIfDead(
    poster: JournalPoster,
    gateway: { gatewayId: string; folder: string },
  ): Promise<boolean> {
    const runFolder = runFolderOf(this.#options.home);
    if ((await askLiveness(runFolder, gateway.gatewayId)) !== "dead") return false;
    // It may have written its last records between our last look and its death.
    while ((await poster.step()) > 0);
    const { database, store, sealKey, clock, log } = this.#options;
    return await recoverGateway({
      ...gateway,
      socketPath: processSocketOf(runFolder, gateway.gatewayId),
      poster,
      database,
      store,
      sealKey,
      readKept: (intents) => readKept(database, intents),
      clock,
      log,
    });
  }
}
