/**
 * Compares the ledger with what the upstream served and what clients saw: to the token, to the pico-dollar, and
 * attempt by attempt. Also set-up of an installation's catalog, and watching wallets while a test runs.
 */
import { createModel, createProvider } from "../../src/domains/catalog/index.ts";
import {
  createKey,
  createOrganization,
  createProject,
  findOrganization,
} from "../../src/domains/identity/index.ts";
import { grant } from "../../src/domains/ledger/index.ts";
import { nanosFromUsd, picos, picosFromUsdPerMillion, usdFromPicos } from "../../src/lib/money.ts";
import { quantityNames } from "../../src/lib/quantities.ts";
import type { Database } from "../../src/platform/db/database.ts";
import { readSecrets } from "../../src/platform/secrets.ts";
import type { SeenCall } from "./load.ts";
import { type Installation, readServed, type ServedAttempt } from "./processes.ts";

const actor = "crash test";

export type Prices = { input: string; cached: string; output: string };

/** Of no round numbers, so that every charge leaves a remainder below a nano-dollar. */
export const oddPrices: Prices = { input: "0.123457", cached: "0.012347", output: "0.987653" };

/** A model `served` at the upstream, billed like any other. */
export async function addBilledModel(
  { database, home, upstreamUrl, internalToken }: Installation,
  prices: Prices = oddPrices,
): Promise<void> {
  const { seal_key: sealKey } = readSecrets(home);
  await createProvider(database, {
    name: "upstream",
    dialect: "openai-chat",
    baseUrl: upstreamUrl,
    credential: internalToken,
    region: undefined,
    allowPrivate: true,
    quirks: { usage_lookup: true },
    sealKey,
    actor,
  });
  await createModel(database, {
    name: "served",
    provider: "upstream",
    upstream: "sandbox-echo",
    maxOutputTokens: 4_000,
    contextTokens: undefined,
    actor,
    // The same for lines of batches, so that one sum compares all.
    terms: { ...termsOf(prices), serviceTiers: { batch: termsOf(prices) } },
  });
}

const termsOf = (prices: Prices) => ({
  uncached_input: picosFromUsdPerMillion(prices.input, "input"),
  cache_read: picosFromUsdPerMillion(prices.cached, "cached"),
  output_text: picosFromUsdPerMillion(prices.output, "output"),
});

export type Account = {
  organization: string;
  usd: string;
  projectBudgetUsd?: string;
  keyBudgetUsd?: string;
};

/** An organization with credit, a project and a key. Returns the key. */
export async function addAccount(
  { database, home }: Installation,
  account: Account,
): Promise<string> {
  const { organization, projectBudgetUsd, keyBudgetUsd } = account;
  const budgetOf = (usd: string | undefined) =>
    usd === undefined ? undefined : nanosFromUsd(usd, "budget");
  const projectBudget = budgetOf(projectBudgetUsd);
  if (projectBudget !== undefined) {
    await createOrganization(database, { name: organization, actor });
    await createProject(database, { organization, name: "main", budget: projectBudget, actor });
  }
  const { text } = await createKey(database, {
    organization,
    project: "main",
    name: "load",
    mode: "live",
    budget: budgetOf(keyBudgetUsd),
    rpm: undefined,
    tpm: undefined,
    expiresAt: undefined,
    pepper: readSecrets(home).key_pepper,
    actor,
  });
  const { walletId } = await findOrganization(database, organization);
  await database.transact((client) =>
    grant(client, { walletId, amount: nanosFromUsd(account.usd, "usd") }),
  );
  return text;
}

/** Nothing of these is served by the upstream of crash tests. */
const served = ["uncached_input", "cache_read", "output_text", "requests"];
const others = quantityNames.filter((name) => !served.includes(name));

export type PostedEvent = {
  event_id: string;
  request_id: string;
  outcome: string;
  usage_source: string;
  uncached_input: bigint;
  cache_read: bigint;
  output_text: bigint;
  other: bigint;
  cost_picos: string;
  charge_nanos: bigint;
  uncovered_picos: string;
};

export async function readEvents(database: Database): Promise<PostedEvent[]> {
  const { rows } = await database.pool.query<PostedEvent>(
    `select event_id, request_id, outcome, usage_source, uncached_input, cache_read, output_text,
       ${others.join(" + ")} as other,
       cost_picos, charge_nanos, uncovered_picos
     from usage_event`,
  );
  return rows;
}

export type Comparison = {
  /** Sentences; empty when the books are exact. */
  problems: string[];
  attempts: number;
  interrupted: number;
  inputTokens: number;
  cachedTokens: number;
  outputTokens: number;
  chargedNanos: bigint;
};

/** Compares everything that this installation has ever served and booked. */
export async function compareBooks(
  installation: Installation,
  calls: readonly SeenCall[],
  prices: Prices = oddPrices,
): Promise<Comparison> {
  const { database, upstreamUrl, internalToken } = installation;
  const events = new Map((await readEvents(database)).map((event) => [event.event_id, event]));
  const { attempts } = await readServed(upstreamUrl, internalToken);
  const billed = attempts.filter((attempt) => !attempt.id.startsWith("call-"));
  const served = new Map(billed.map((attempt) => [attempt.id, attempt]));
  const problems = [
    ...(billed.length === attempts.length ? [] : ["the upstream was called without an attempt id"]),
    ...billed.flatMap((attempt) => compareAttempt(attempt, events.get(attempt.id))),
    ...[...events.values()].flatMap((event) =>
      checkEvent(event, served.get(event.event_id), prices),
    ),
    ...calls.flatMap((call) => checkCall(call, events)),
    ...(await checkTotals(database, events)),
  ];
  const sum = (read: (attempt: ServedAttempt) => number) =>
    billed.reduce((total, attempt) => total + read(attempt), 0);
  return {
    problems,
    attempts: billed.length,
    interrupted: [...events.values()].filter(({ outcome }) => outcome === "interrupted").length,
    inputTokens: sum((attempt) => attempt.prompt_tokens),
    cachedTokens: sum((attempt) => attempt.cached_tokens),
    outputTokens: sum((attempt) => attempt.completion_tokens),
    chargedNanos: [...events.values()].reduce((total, event) => total + event.charge_nanos, 0n),
  };
}

function compareAttempt(attempt: ServedAttempt, event: PostedEvent | undefined): string[] {
  const { id } = attempt;
  if (event === undefined) return [`attempt ${id} was served and has no usage event`];
  const inLedger = [
    event.uncached_input + event.cache_read,
    event.cache_read,
    event.output_text,
    event.other,
  ].map(Number);
  const inTruth = [attempt.prompt_tokens, attempt.cached_tokens, attempt.completion_tokens, 0];
  const problems: string[] = [];
  if (attempt.calls !== 1) problems.push(`attempt ${id} was dispatched ${attempt.calls} times`);
  if (inLedger.some((tokens, i) => tokens !== inTruth[i])) {
    problems.push(
      `attempt ${id} (${attempt.outcome}): served ${inTruth}, booked ${inLedger} as ${event.outcome} by ${event.usage_source}`,
    );
  }
  return problems;
}

export function checkEvent(
  event: PostedEvent,
  attempt: ServedAttempt | undefined,
  prices: Prices,
): string[] {
  const problems: string[] = [];
  if (attempt === undefined && event.charge_nanos !== 0n) {
    problems.push(`event ${event.event_id} charges ${event.charge_nanos} for nothing served`);
  }
  const picosPer = (usd: string) => picosFromUsdPerMillion(usd, "price");
  const cost =
    event.uncached_input * picosPer(prices.input) +
    event.cache_read * picosPer(prices.cached) +
    event.output_text * picosPer(prices.output);
  if (cost !== BigInt(event.cost_picos)) {
    problems.push(`event ${event.event_id} cost ${event.cost_picos}, its tokens cost ${cost}`);
  }
  if (event.uncovered_picos !== "0") problems.push(`event ${event.event_id} is not covered`);
  return problems;
}

/** A client that had its whole answer has exactly one completed attempt, of the cost that it was told. */
function checkCall(call: SeenCall, events: ReadonlyMap<string, PostedEvent>): string[] {
  if (call.ended !== "answered") return [];
  const { requestId, costUsd } = call;
  if (requestId === undefined || costUsd === undefined) return ["an answer without id or cost"];
  const ids = Array.from({ length: 16 }, (_, i) => requestId.slice(0, -1) + i.toString(16));
  const own = ids.flatMap((id) => events.get(id) ?? []);
  const completed = own.filter((event) => event.outcome === "completed");
  const [event] = completed;
  if (event === undefined || completed.length !== 1) {
    return [`answer ${requestId} has ${completed.length} completed attempts of ${own.length}`];
  }
  const problems: string[] = [];
  if (Number(event.output_text) !== call.completionTokens) {
    problems.push(`answer ${requestId} told ${call.completionTokens}, booked ${event.output_text}`);
  }
  if (usdFromPicos(picos(BigInt(event.cost_picos))) !== costUsd) {
    problems.push(`answer ${requestId} told $${costUsd}, booked ${event.cost_picos} pico-dollars`);
  }
  return problems;
}

/** Exact cost of all events = 1000 × what all organizations have spent + their remainders. */
export async function checkTotals(
  database: Database,
  events: ReadonlyMap<string, PostedEvent>,
): Promise<string[]> {
  const { rows } = await database.pool.query<{ exact: string }>(
    `select coalesce(sum(1000::numeric * (credits_nanos - debits_nanos) + remainder_picos), 0) as exact
     from account join wallet using (wallet_id) where kind = 'spent' and scope = 'organization'`,
  );
  const cost = [...events.values()].reduce((sum, event) => sum + BigInt(event.cost_picos), 0n);
  const spent = BigInt(rows[0]?.exact ?? "0");
  return spent === cost ? [] : [`${spent} pico-dollars are spent, but all attempts cost ${cost}`];
}

export type WalletWatch = { samples: number; problems: string[]; stop(): Promise<void> };

const SAMPLE_MS = 20;

/** Looks at all balances again and again while a test runs: none below zero, and none of the money lost. */
export function watchWallets(database: Database): WalletWatch {
  let isStopped = false;
  const watch: WalletWatch = { samples: 0, problems: [], stop: () => Promise.resolve() };
  const run = async (): Promise<void> => {
    while (!isStopped) {
      try {
        const { rows } = await database.pool.query<{ problem: string }>(
          `select wallet_id || ' ' || kind || ' ' || credits_nanos - debits_nanos as problem from account
           where kind <> 'granted' and credits_nanos < debits_nanos
           union all
           select wallet_id || ' sums to ' || sum(credits_nanos - debits_nanos) from account
           group by wallet_id having sum(credits_nanos - debits_nanos) <> 0`,
        );
        watch.samples += 1;
        watch.problems.push(...rows.map(({ problem }) => problem));
      } catch {
        // The database is away, on purpose; nobody can be overdrawn meanwhile.
      }
      await Bun.sleep(SAMPLE_MS);
    }
  };
  const running = run();
  watch.stop = async () => {
    isStopped = true;
    await running;
  };
  return watch;
}

/** A fingerprint of every row that money stands in. */
export async function fingerprintBooks(database: Database): Promise<string> {
  const parts = await Promise.all(
    ["account", "transfer", "entry", "usage_event", "lease"].map(async (table) => {
      const { rows } = await database.pool.query<{ hash: string }>(
        `select count(*) || ':' || coalesce(md5(string_agg(t::text, ',' order by t::text)), '') as hash from ${table} t`,
      );
      return `${table} ${rows[0]?.hash}`;
    }),
  );
  return parts.join("\n");
}
