/** The process of one hosted model: weights in, an OpenAI-shaped server on the loopback interface out. */
import type { SamplingDefaults } from "../domains/serving/index.ts";
import { sleep } from "../lib/backoff.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import { type Log, silentLog } from "../platform/log.ts";
import { Attempts } from "./attempts.ts";
import { Grammars } from "./chat/grammars.ts";
import { createPromptWriter } from "./chat/prompt.ts";
import { Engine } from "./engine/engine.ts";
import { loadModel } from "./engine/load-model.ts";
import { createMetrics } from "./metrics.ts";
import { serve } from "./server.ts";

export type RunnerOptions = {
  modelPath: string;
  /** The name that requests use. */
  modelName: string;
  /** 0 takes a free one. */
  port: number;
  hostname: string;
  /** Callers send it as `authorization: Bearer`. */
  token: string;
  /** Tokens of one sequence; by default what the model was trained with, if the memory allows. */
  contextTokens?: number;
  /** Answers at the same time; by default what the cores and the memory allow. */
  sequences?: number;
  /** By default all cores but one. */
  threads?: number;
  /** Used where a request leaves a field out. */
  sampling?: SamplingDefaults;
  /** Requests that may wait for a sequence. */
  queueMax?: number;
  /** How long `stop` lets running answers go on. */
  drainMs?: number;
  log?: Log;
  clock?: Clock;
  /** The engine cannot go on: the process should end and be started again. */
  onFatal?: (cause: unknown) => void;
};

export type Runner = {
  /** The base URL, ending in `/v1`. */
  url: string;
  port: number;
  contextTokens: number;
  sequences: number;
  threads: number;
  /** Lets running answers end, then stops. */
  stop(): Promise<void>;
};

const QUEUE_MAX = 256;
const DRAIN_MS = 20_000;

export async function startRunner(options: RunnerOptions): Promise<Runner> {
  if (options.token === "") throw new Failure("invalid", "A runner needs a token. Give it one.");
  const { log = silentLog, clock = systemClock, queueMax = QUEUE_MAX } = options;
  const loaded = await loadModel({
    modelPath: options.modelPath,
    contextTokens: options.contextTokens,
    sequences: options.sequences,
    threads: options.threads,
    log,
  });
  const engine = new Engine({
    model: loaded.model,
    context: loaded.context,
    queueMax,
    clock,
    log,
    onFatal: options.onFatal ?? (() => process.exit(1)),
  });
  const server = serve({
    ...options,
    log,
    metrics: createMetrics(engine, options.modelName),
    endpoint: {
      clock,
      attempts: new Attempts({ nowMs: clock.nowMs() }),
      model: {
        name: options.modelName,
        loaded,
        engine,
        grammars: new Grammars(loaded.llama, loaded.model),
        writePrompt: createPromptWriter(loaded.prompt),
        sampling: options.sampling ?? {},
      },
    },
  });
  const { contextTokens, sequences, threads } = loaded;
  log.info("serving", { model: options.modelName, contextTokens, sequences, threads });
  return {
    url: `http://${options.hostname}:${server.port}/v1`,
    port: server.port ?? options.port,
    contextTokens,
    sequences,
    threads,
    async stop() {
      const drained = engine.drain();
      await Promise.race([drained, sleep(options.drainMs ?? DRAIN_MS)]);
      await server.stop(true);
      await drained;
      await loaded.dispose();
    },
  };
}
