/**
 * The data plane with all that it needs, in one process: a database of its own, gateways on one shared port, a
 * worker, and two sandboxes. One is registered as a provider like any other, is billed, and counts what it
 * serves; the other is where test keys go.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  addDeployment,
  createModel,
  createProvider,
  type PriceTerms,
} from "../../src/domains/catalog/index.ts";
import {
  createKey,
  createProject,
  findOrganization,
  setRegions,
} from "../../src/domains/identity/index.ts";
import {
  checkLedger,
  grant,
  type LedgerReport,
  readWallet,
  type WalletBalances,
} from "../../src/domains/ledger/index.ts";
import { type CallReceipt, readCall } from "../../src/domains/metering/index.ts";
import { type RouteDefinition, setRoute } from "../../src/domains/routing/index.ts";
import type { GatewayLimits } from "../../src/gateway/gateway.ts";
import { type GatewayOptions, type RunningGateway, startGateway } from "../../src/gateway/start.ts";
import { nanosFromUsd, picosFromUsdPerMillion } from "../../src/lib/money.ts";
import type { Database } from "../../src/platform/db/database.ts";
import { createLog, type LogFields } from "../../src/platform/log.ts";
import type { DialectName, Quirks } from "../../src/providers/upstream.ts";
import { startSandbox } from "../../src/sandbox/start.ts";
import { startWorker, type WorkerOptions } from "../../src/worker/start.ts";
import { type DatabaseProxy, startDatabaseProxy } from "./database-proxy.ts";
import { openTestDatabase } from "./postgres.ts";
import {
  type PostedEvent,
  readEvents,
  readServed,
  type ServedTotals,
  untilIdle,
  untilPosted,
} from "./stack-observation.ts";

export type StackOptions = {
  gateways?: number;
  limits?: Partial<GatewayLimits>;
  lease?: Partial<GatewayOptions["lease"]>;
  journal?: Partial<GatewayOptions["journal"]>;
  files?: Partial<Omit<GatewayOptions["files"], "folder">>;
  drainTimeoutMs?: number;
  /** 0 by default: most tests have no other gateway to go to. */
  leaveMs?: number;
  telemetry?: Partial<GatewayOptions["telemetry"]>;
  /** After which a claim on a job counts as silent. */
  jobSilentMs?: number;
  /** Gateways and worker reach the database through `stack.proxy`, which can be cut. */
  isDatabaseCuttable?: boolean;
  /** Log lines of level error that the tests cause on purpose; any other one fails them. */
  expectedErrors?: RegExp;
};

export type Answered = {
  status: number;
  headers: Headers;
  text: string;
  body: Record<string, unknown>;
};

/** A stream is sent in chunks, without its length being declared. */
export type ChatBody = string | Uint8Array | ReadableStream<Uint8Array> | Record<string, unknown>;

export type ModelOptions = {
  name: string;
  provider?: string;
  upstream?: string;
  maxOutputTokens?: number;
  contextTokens?: number;
  /** US dollars per million tokens; null: no price at all. */
  price?: { input: string; output: string; cached?: string } | null;
  /** In place of it, in pico-dollars for each unit. */
  terms?: PriceTerms;
  /** The same, for lines of batches; without it they are refused. */
  batchPrice?: { input: string; output: string };
};

export type KeyOptions = {
  organization?: string;
  project?: string;
  mode?: "live" | "test";
  budgetUsd?: string;
  /** Given to the organization's wallet; "10.00" by default, for live keys. */
  creditUsd?: string | null;
  rpm?: number;
  tpm?: number;
  expiresAt?: Date;
};

export type CreatedKey = { key: string; keyId: string; organization: string };

export type Stack = AsyncDisposable & {
  home: string;
  port: number;
  /** Ends in `/v1`. */
  url: string;
  /** Of the billed sandbox. */
  upstreamUrl: string;
  database: Database;
  proxy: DatabaseProxy;
  gateways: RunningGateway[];
  logged: LogFields[];
  provider(options: NewProviderOptions): Promise<void>;
  model(options: ModelOptions): Promise<void>;
  deploy(options: { model: string; provider: string; upstream?: string }): Promise<void>;
  key(options?: KeyOptions): Promise<CreatedKey>;
  route(name: string, definition: RouteDefinition): Promise<void>;
  /** Binds an organization that has a key to regions. */
  regions(organization: string, regions: readonly string[] | null): Promise<void>;
  project(options: { organization: string; name: string; budgetUsd: string }): Promise<void>;
  credit(organization: string, usd: string): Promise<void>;
  /** POST /v1/chat/completions, read to the end. Anything but an object is sent as it is. */
  chat(key: string, body: ChatBody): Promise<Answered>;
  /** Resolves when nothing is under way and every record of every journal is in the ledger. */
  untilPosted(): Promise<void>;
  /** Resolves when no money lies in leases any more. */
  untilIdle(): Promise<void>;
  events(filter?: { keyId?: string; requestId?: string }): Promise<PostedEvent[]>;
  receipt(requestId: string): Promise<CallReceipt | undefined>;
  wallet(organization: string): Promise<WalletBalances>;
  ledger(): Promise<LedgerReport>;
  served(): Promise<ServedTotals>;
  servedInTestMode(): Promise<ServedTotals>;
  addGateway(): Promise<RunningGateway>;
  stopWorker(): Promise<void>;
  startWorker(): Promise<void>;
  /** Throws when something was logged as an error that no test expects. */
  assertNoErrors(): void;
};

type NewProviderOptions = {
  name: string;
  dialect?: DialectName;
  url: string;
  credential?: string;
  region?: string;
  quirks?: Quirks;
};

const keyPepper = "ab".repeat(32);
export const sealKey = "cd".repeat(32);
const actor = "test";

/** Of the provider `upstream`, which is the billed sandbox. */
export const CREDENTIAL = "upstream-credential-7f3a9c";

/** Of the gateways' private sockets. */
export const INTERNAL_TOKEN = "internal-token-41be77";

const defaults = {
  limits: {
    bodyBytesMax: 256 * 1024,
    jsonDepthMax: 32,
    messagesMax: 100,
    bodyTimeoutMs: 10_000,
    answerTimeoutMs: 10_000,
    silenceTimeoutMs: 10_000,
    // Tests of faults count what a provider sees; those of retries ask for them.
    retryRounds: 0,
    queueTimeoutMs: 5_000,
    queueMax: 1_000,
    cacheBytesMax: 1024 * 1024,
    lookUpTimeoutMs: 5_000,
    batchYieldsAt: 1_000,
    batchAtStandardPrice: false,
  },
  telemetry: {
    ...{ accessLog: undefined, accessLogSample: 1 },
    ...{ traces: false, tracesSample: 1, serviceName: "test" },
  },
  lease: { ttlMs: 60_000, marginMs: 5_000, maxUsd: "5.00", idleMs: 60_000, patienceMs: 0 },
  journal: { segmentBytes: 1024 * 1024, groupMaxRecords: 1024 },
  files: { fileBytesMax: 1024 * 1024, organizationBytesMax: 8 * 1024 * 1024 },
};

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const cleanUp = new AsyncDisposableStack();
  try {
    return await start(options, cleanUp);
  } catch (error) {
    await cleanUp.disposeAsync();
    throw error;
  }
}

async function start(options: StackOptions, cleanUp: AsyncDisposableStack): Promise<Stack> {
  const home = mkdtempSync(join(tmpdir(), "baseload-stack-"));
  cleanUp.defer(() => rmSync(home, { recursive: true, force: true }));
  const { url: directUrl, database } = cleanUp.use(await openTestDatabase());
  const proxy = cleanUp.use(await startDatabaseProxy(directUrl));
  const logged: LogFields[] = [];
  const log = createLog({
    role: "test",
    level: "debug",
    sink: (line) => logged.push(JSON.parse(line) as LogFields),
  });
  const billed = await startSandbox({ port: 0, hostname: "127.0.0.1", token: CREDENTIAL });
  cleanUp.defer(() => billed.stop());
  const testMode = await startSandbox({ port: 0, hostname: "127.0.0.1", token: null });
  cleanUp.defer(() => testMode.stop());

  const databaseUrl = options.isDatabaseCuttable === true ? proxy.url : directUrl;
  const gateways: RunningGateway[] = [];
  const addGateway = async () => {
    const started = await startGateway({
      home,
      databaseUrl,
      databasePoolSize: 4,
      hostname: "127.0.0.1",
      port: gateways[0]?.port ?? 0,
      gateways: options.gateways ?? 1,
      keyPepper,
      sealKey,
      sandbox: {
        name: "sandbox",
        dialect: "openai-chat",
        baseUrl: testMode.url,
        credential: null,
        allowPrivate: true,
        quirks: { usage_lookup: true },
      },
      limits: { ...defaults.limits, ...options.limits },
      lease: { ...defaults.lease, ...options.lease },
      journal: { ...defaults.journal, ...options.journal },
      internalToken: INTERNAL_TOKEN,
      files: { ...defaults.files, ...options.files, folder: join(home, "files") },
      drainTimeoutMs: options.drainTimeoutMs ?? 5_000,
      leaveMs: options.leaveMs ?? 0,
      telemetry: { ...defaults.telemetry, ...options.telemetry },
      log,
    });
    let stopping: Promise<void> | undefined;
    const stop = () => {
      stopping ??= started.stop();
      return stopping;
    };
    const gateway = { ...started, stop };
    gateways.push(gateway);
    return gateway;
  };
  const worker = workerOf({
    home,
    databaseUrl,
    log,
    files: { ...defaults.files, ...options.files, folder: join(home, "files") },
    jobSilentMs: options.jobSilentMs ?? 2_000,
  });
  cleanUp.defer(() => worker.stop());
  cleanUp.defer(async () => {
    await proxy.resume();
    await Promise.all(gateways.map((gateway) => gateway.stop()));
  });
  const store = storeOf(database);
  await store.provider({
    name: "upstream",
    url: billed.url,
    credential: CREDENTIAL,
    region: "eu-test-1",
    quirks: { usage_lookup: true },
  });
  for (let i = 0; i < (options.gateways ?? 1); i++) await addGateway();
  await worker.start();

  const url = `http://127.0.0.1:${gateways[0]?.port}/v1`;
  const assertNoErrors = () => {
    const unexpected = logged.filter(
      ({ level, message }) =>
        level === "error" && options.expectedErrors?.test(String(message)) !== true,
    );
    if (unexpected.length > 0) throw new Error(`logged as errors: ${Bun.inspect(unexpected)}`);
  };
  return {
    home,
    port: gateways[0]?.port ?? 0,
    url,
    upstreamUrl: billed.url,
    database,
    proxy,
    gateways,
    logged,
    ...store,
    chat: (key, body) => chat(url, key, body),
    untilPosted: () => untilPosted({ home, database, gateways }),
    untilIdle: () => untilIdle(database),
    ledger: () => checkLedger(database),
    served: () => readServed(billed, CREDENTIAL),
    servedInTestMode: () => readServed(testMode, CREDENTIAL),
    addGateway,
    stopWorker: worker.stop,
    startWorker: worker.start,
    assertNoErrors,
    async [Symbol.asyncDispose]() {
      await cleanUp.disposeAsync();
      assertNoErrors();
    },
  };
}

function workerOf(
  options: Pick<WorkerOptions, "home" | "databaseUrl" | "log" | "files" | "jobSilentMs">,
) {
  let running: { stop(): Promise<void> } | undefined;
  return {
    async start() {
      running = await startWorker({
        ...options,
        databasePoolSize: 6,
        sealKey,
        internalToken: INTERNAL_TOKEN,
        batchConcurrency: 8,
        batchSize: 500,
        pollMs: 5,
        requestLogMs: 200,
        quarantineGraceMs: 30_000,
      });
    },
    async stop() {
      const stopped = running?.stop();
      running = undefined;
      await stopped;
    },
  };
}

/** What an operator does, straight into the database: gateways hear of it as they would from the control plane. */
function storeOf(database: Database) {
  const credit = async (organization: string, usd: string): Promise<void> => {
    const { walletId } = await findOrganization(database, organization);
    await database.transact((client) =>
      grant(client, { walletId, amount: nanosFromUsd(usd, "usd") }),
    );
  };
  return {
    credit,
    async provider({ url, ...options }: NewProviderOptions): Promise<void> {
      await createProvider(database, {
        dialect: "openai-chat",
        quirks: {},
        ...options,
        baseUrl: url,
        allowPrivate: true,
        sealKey,
        actor,
      });
    },
    async model(options: ModelOptions): Promise<void> {
      const { price = { input: "1", output: "2" } } = options;
      await createModel(database, {
        name: options.name,
        provider: options.provider ?? "upstream",
        upstream: options.upstream ?? "sandbox-echo",
        maxOutputTokens: options.maxOutputTokens ?? 1_000,
        contextTokens: options.contextTokens,
        actor,
        ...(price === null
          ? {}
          : { terms: options.terms ?? { ...toTerms(price), ...toBatchTerms(options) } }),
      });
    },
    async deploy(options: { model: string; provider: string; upstream?: string }): Promise<void> {
      await addDeployment(database, { upstream: "sandbox-echo", ...options, actor });
    },
    async route(name: string, definition: RouteDefinition): Promise<void> {
      await setRoute(database, { name, definition, actor });
    },
    async regions(organization: string, regions: readonly string[] | null): Promise<void> {
      await setRegions(database, { organization, regions, actor });
    },
    async key(options: KeyOptions = {}): Promise<CreatedKey> {
      const { organization = "acme", mode = "live", creditUsd = "10.00", budgetUsd } = options;
      const { text, key } = await createKey(database, {
        organization,
        project: options.project ?? "main",
        name: "test",
        mode,
        budget: budgetUsd === undefined ? undefined : nanosFromUsd(budgetUsd, "budget"),
        rpm: options.rpm,
        tpm: options.tpm,
        expiresAt: options.expiresAt,
        pepper: keyPepper,
        actor,
      });
      if (mode === "live" && creditUsd !== null) await credit(organization, creditUsd);
      return { key: text, keyId: key.keyId, organization };
    },
    async project(options: { organization: string; name: string; budgetUsd: string }) {
      const { organization, name, budgetUsd } = options;
      const budget = nanosFromUsd(budgetUsd, "budget");
      await createProject(database, { organization, name, budget, actor });
    },
    async wallet(organization: string): Promise<WalletBalances> {
      const { walletId } = await findOrganization(database, organization);
      return await readWallet(database, walletId);
    },
    receipt: (requestId: string) => readCall(database, requestId),
    events: (filter: { keyId?: string; requestId?: string } = {}) => readEvents(database, filter),
  };
}

const toBatchTerms = ({ batchPrice }: ModelOptions) =>
  batchPrice === undefined ? {} : { serviceTiers: { batch: toTerms(batchPrice) } };

const toTerms = (price: NonNullable<ModelOptions["price"]>) => ({
  uncached_input: picosFromUsdPerMillion(price.input, "input"),
  output_text: picosFromUsdPerMillion(price.output, "output"),
  ...(price.cached === undefined
    ? {}
    : { cache_read: picosFromUsdPerMillion(price.cached, "cached") }),
});

async function chat(url: string, key: string, body: ChatBody): Promise<Answered> {
  const isRaw =
    typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
  const response = await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: isRaw ? (body as string) : JSON.stringify(body),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  const parsed = isJson && text !== "" ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.status, headers: response.headers, text, body: parsed };
}
