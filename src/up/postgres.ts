/** The embedded PostgreSQL under supervision: started again when it ends by itself. */
import { backoffMs } from "../lib/backoff.ts";
import type { Log } from "../platform/log.ts";
import { startPostgres } from "../platform/postgres/embedded.ts";
import type { Step } from "./screen.ts";

export type SupervisedPostgres = { url: string; pid(): number; stop(): Promise<void> };

const RESTART = { firstMs: 100, maxMs: 10_000 };

const stepTexts = {
  initialize: "making the database",
  start: "starting",
  adopt: "adopting the server that already runs",
} as const;

export async function supervisePostgres(options: {
  home: string;
  connections: number;
  log: Log;
  step: Step;
  onTrouble(text: string): void;
}): Promise<SupervisedPostgres> {
  const { home, log, connections } = options;
  let server = await startPostgres({
    home,
    connections,
    log,
    onStep: (step) => options.step.progress(stepTexts[step]),
  });
  let isStopping = false;

  const startAgain = async (): Promise<void> => {
    for (let failures = 1; !isStopping; failures++) {
      await Bun.sleep(backoffMs(RESTART, failures, 1));
      if (isStopping) return;
      try {
        server = await startPostgres({ home, connections, log });
        options.onTrouble("PostgreSQL runs again");
        watch();
        return;
      } catch (error) {
        log.error("PostgreSQL could not be started again", { error });
        options.onTrouble(`PostgreSQL could not be started again: ${messageOf(error)}`);
      }
    }
  };
  let restarting: Promise<void> = Promise.resolve();
  const watch = (): void => {
    void server.exited.then(() => {
      if (isStopping) return;
      log.error("PostgreSQL ended by itself", { pid: server.pid });
      options.onTrouble("PostgreSQL ended; starting it again");
      restarting = startAgain();
    });
  };
  watch();

  return {
    url: server.url,
    pid: () => server.pid,
    async stop() {
      isStopping = true;
      await restarting;
      await server.stop();
    },
  };
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
