/**
 * A thousand calls at once against one wallet, over several gateway processes: the wallet is never overdrawn, at any
 * instant, and what it affords is admitted.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readWallet } from "../../src/domains/ledger/index.ts";
import { nanosFromUsd, usdFromNanos } from "../../src/lib/money.ts";
import {
  type Account,
  addAccount,
  addBilledModel,
  compareBooks,
  type Prices,
  type WalletWatch,
  watchWallets,
} from "../support/books.ts";
import { type CallShape, callOnce, plainShape, type SeenCall } from "../support/load.ts";
import { type Installation, startInstallation } from "../support/processes.ts";

const CALLS = 1_000;
const GATEWAYS = 3;
const ADMITTED_PERCENT_MIN = 99n;
/** Only output costs, so that a hold can be exactly what a call costs. A token is 10,000 nano-dollars. */
const prices: Prices = { input: "0", cached: "0", output: "10" };

let installation: Installation;
let watch: WalletWatch;
const seen: SeenCall[] = [];

beforeAll(async () => {
  installation = await startInstallation({
    BASELOAD_GATEWAYS: String(GATEWAYS),
    BASELOAD_LEASE_PATIENCE_MS: "20000",
  });
  await addBilledModel(installation, prices);
  await Promise.all([
    ...Array.from({ length: GATEWAYS }, () => installation.start("gateway")),
    installation.start("worker"),
    installation.start("control"),
  ]);
  watch = watchWallets(installation.database);
});

afterAll(async () => {
  await watch?.stop();
  await installation?.[Symbol.asyncDispose]();
});

type Case = {
  what: string;
  account: Account;
  /** The smallest of the limits. */
  affordsUsd: string;
  shape: CallShape;
};

const exact = plainShape({ promptTokens: 5, completionTokens: 100, maxTokens: 100, delayMs: 60 });
const generous = plainShape({ promptTokens: 5, completionTokens: 10, maxTokens: 400, delayMs: 10 });

const cases: readonly Case[] = [
  {
    what: "a hold is what its call costs",
    account: { organization: "exact", usd: "0.50" },
    affordsUsd: "0.50",
    shape: exact,
  },
  {
    what: "a hold is forty times what its call costs",
    account: { organization: "generous", usd: "0.08" },
    affordsUsd: "0.08",
    shape: generous,
  },
  {
    what: "the key's budget is smaller than the wallet",
    account: { organization: "budget", usd: "20.00", keyBudgetUsd: "0.30" },
    affordsUsd: "0.30",
    shape: exact,
  },
  {
    what: "organization, project and key are limited, the project most",
    account: {
      organization: "scopes",
      usd: "0.60",
      projectBudgetUsd: "0.40",
      keyBudgetUsd: "0.50",
    },
    affordsUsd: "0.40",
    shape: exact,
  },
];

describe(`${CALLS} calls at once over ${GATEWAYS} gateway processes`, () => {
  for (const one of cases) {
    test(one.what, async () => {
      const key = await addAccount(installation, one.account);
      const startedMs = performance.now();

      const calls = await Promise.all(
        Array.from({ length: CALLS }, () =>
          callOnce({ url: installation.url, model: "served" }, key, one.shape),
        ),
      );

      const tookMs = Math.round(performance.now() - startedMs);
      seen.push(...calls);
      await installation.untilSettled();
      const charged = await readCharged(installation, one.account.organization);
      const affords = nanosFromUsd(one.affordsUsd, "usd");
      const answered = calls.filter(({ ended }) => ended === "answered");
      const refused = calls.filter(({ status }) => status === 402);
      process.stdout.write(
        `${one.what}: ${answered.length} answered, ${refused.length} refused, charged $${usdFromNanos(charged)} of $${one.affordsUsd} ` +
          `(${Number((charged * 10_000n) / affords) / 100} %) in ${tookMs} ms, ${watch.samples} samples\n`,
      );
      expect(answered.length + refused.length).toBe(CALLS);
      expect(charged <= affords).toBe(true);
      expect((charged * 100n) / affords).toBeGreaterThanOrEqual(ADMITTED_PERCENT_MIN);
      expect(watch.problems).toEqual([]);
      expect((await compareBooks(installation, seen, prices)).problems).toEqual([]);
      expect(await installation.command("ledger", "check", "--json")).toMatchObject({ code: 0 });
    });
  }
});

async function readCharged({ database }: Installation, organization: string) {
  const { rows } = await database.pool.query<{ wallet_id: bigint }>(
    "select wallet_id from organization where name = $1",
    [organization],
  );
  return (await readWallet(database, rows[0]?.wallet_id ?? 0n)).spentNanos;
}
