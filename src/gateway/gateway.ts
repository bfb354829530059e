/** What every step of a call needs. Wired once in `start.ts`. */
import type { Files } from "../domains/files/index.ts";
import type { Hold, LeasePool } from "../domains/ledger/index.ts";
import type { Clock } from "../lib/clock.ts";
import type { Quantities } from "../lib/quantities.ts";
import type { Database } from "../platform/db/database.ts";
import type { Journal } from "../platform/journal/journal.ts";
import type { Log } from "../platform/log.ts";
import type { SharedCounters } from "../platform/shared-counters.ts";
import type { SharedGauges } from "../platform/shared-gauges.ts";
import type { ChatDialectName, Upstream } from "../providers/upstream.ts";
import type { Standing } from "./admit/limit-rate.ts";
import type { Attempt } from "./attempts/attempt.ts";
import type { ResponseCache } from "./cache/response-cache.ts";
import type { ModelRooms } from "./capacity/model-rooms.ts";
import type { StoredResponses } from "./conversations/stored-responses.ts";
import type { CallObservation, Observer } from "./observe/observation.ts";
import type { RequestLog } from "./request-log/request-log.ts";
import type { GatewayMetrics } from "./state/gateway-metrics.ts";
import type { HedgeBudget } from "./state/hedge-budget.ts";
import type { Snapshot } from "./state/snapshot.ts";
import type { UpstreamHealth } from "./state/upstream-health.ts";
import type { KeptAnswers } from "./work/kept-answers.ts";
import type { Work } from "./work/work.ts";

export type GatewayLimits = {
  bodyBytesMax: number;
  jsonDepthMax: number;
  messagesMax: number;
  /** Until the last byte of a request's body. */
  bodyTimeoutMs: number;
  /** Until the upstream's first byte. */
  answerTimeoutMs: number;
  /** Between two pieces of an answer. */
  silenceTimeoutMs: number;
  /** How long a call waits for room at a model that answers only so many at once. */
  queueTimeoutMs: number;
  /** How many wait for one model, in this process. */
  queueMax: number;
  /** Memory of the response cache, in each process. */
  cacheBytesMax: number;
  /** How often a whole plan that failed is gone through once more. */
  retryRounds: number;
  /** Attempts under way beside those of jobs, from which on a process takes no lines of batches. */
  batchYieldsAt: number;
  /** Whether a model without a price for batches is charged by its standard price there, or refused. */
  batchAtStandardPrice: boolean;
  /** How long a disconnected call's usage is asked for before it is counted instead. */
  lookUpTimeoutMs: number;
};

export type Gateway = {
  gatewayId: string;
  keyPepper: string;
  limits: GatewayLimits;
  clock: Clock;
  log: Log;
  metrics: GatewayMetrics;
  snapshot: Snapshot;
  pool: LeasePool;
  journal: Journal;
  counters: SharedCounters;
  gauges: SharedGauges;
  rooms: ModelRooms;
  cache: ResponseCache;
  observers: readonly Observer[];
  requestLog: RequestLog;
  health: UpstreamHealth;
  hedges: HedgeBudget;
  /** Where keys of mode `test` go. */
  sandbox: Upstream;
  /** Dispatched and not yet settled. */
  attempts: Set<Attempt>;
  /** Work that outlives its request: settlements of calls whose client has left. */
  background: Set<Promise<unknown>>;
  /** Calls of jobs under way, by request id; aborting one ends it without an answer. */
  works: Map<string, AbortController>;
  kept: KeptAnswers;
  /** Never asked on the path of a call. */
  database: Database;
  files: Files;
  responses: StoredResponses;
  /** What the worker shows on the private socket. */
  internalToken: string;
  /** Takes calls still, and wants its clients to go elsewhere. */
  isLeaving(): boolean;
  /** Takes no calls any more. */
  isDraining(): boolean;
};

/** One request at the data plane, from its first byte to its last. */
export type Call = {
  requestId: string;
  request: Request;
  /** In which its errors are answered. */
  dialect: ChatDialectName;
  startedAtMs: number;
  /** Aborted when the client leaves. */
  signal: AbortSignal;
  /** For those who watch. */
  seen?: CallObservation;
  /** How it stands with its limits, once that is known. */
  standing?: Standing;
  /** Made on behalf of a job: its answer is kept before it is settled, and charged if and only if it was kept. */
  work?: Work;
};

/** How a call is paid: a hold over all its scopes, or nothing for keys of mode `test`. */
export type Payment = {
  hold: Hold | undefined;
  /** Upper bound of the input; a model's context may bound it further. */
  inputTokensMax: number;
  /** Our own estimate, charged only when nobody says better. */
  inputTokensCounted: number;
  /** How many prompts share that input: each may fill a model's context. 1 where it is left out. */
  contexts?: number;
  /** Per answer; a model's own limit may bound it further. Infinite: only the model's limit holds. */
  outputTokensMax: number;
  /** Upper bound of what is not a text token. */
  fixed: Quantities;
  /** The limit that the client asked for was lowered to what its wallet affords. */
  isLowered: boolean;
};
