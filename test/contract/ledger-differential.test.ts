/**
 * The ledger in memory and the one on PostgreSQL, asked the same random questions: every answer, every refusal and
 * every balance must be the same. What the simulation finds in the one then holds for the other.
 */
import { expect, test } from "bun:test";
import { postRemainders } from "../../src/domains/ledger/index.ts";
import { nanos, picos } from "../../src/lib/money.ts";
import { type LedgerBench, openMemoryBench, openPostgresBench } from "../support/ledger-bench.ts";
import { MemoryLedgerStore } from "../support/memory-ledger-store.ts";
import { drawSeed, SeededRandom } from "../support/seeded-random.ts";
import { gatewayIdOf, usageEvent } from "../support/usage-events.ts";

const QUESTIONS = 500;
const WALLETS = [1n, 2n, 3n] as const;
const START_MS = Date.UTC(2030, 0, 1);

type Question = { what: string; ask(bench: LedgerBench): Promise<unknown> };

/** Draws everything before it asks, so that both ledgers get the very same question. */
function draw(random: SeededRandom, number: number, postRemaindersOf: Question["ask"]): Question {
  const gatewayId = gatewayIdOf(random.between(1, 3));
  const leaseId = BigInt(random.between(1, 1 + Math.floor(number / 6)));
  const amount = nanos(BigInt(random.between(1, 400)));
  const time = new Date(START_MS + number * 1_000 + random.between(-20_000, 20_000));
  const request = {
    ...{ gatewayId, walletId: random.pick(WALLETS), expiresAt: time, gateways: 2, need: amount },
    leaseId: random.chance(0.6) ? leaseId : undefined,
    demand: nanos(amount + BigInt(random.between(0, 300))),
    want: nanos(BigInt(random.between(0, 2_000))),
  };
  const events = Array.from({ length: random.between(0, 5) }, () => {
    const leaseIds = [leaseId, ...(random.chance(0.3) ? [BigInt(random.between(1, 8))] : [])];
    const costPicos = picos(BigInt(random.between(0, 90_000)));
    return usageEvent(random.between(1, number + 5), {
      leaseIds: [...new Set(leaseIds)],
      costPicos,
    });
  });
  const batch = {
    ...{ gatewayId, events, ackedSequence: BigInt(random.between(0, number)) },
    closedLeaseIds: random.chance(0.3) ? [leaseId, BigInt(random.between(1, 30))] : [],
  };
  const questions: Record<string, Question["ask"]> = {
    take: ({ store }) => store.takeLease(request),
    "take again": ({ store }) => store.takeLease(request),
    return: ({ store }) => store.returnLease(leaseId, amount),
    renew: ({ store }) => store.renewLeases(gatewayId, time),
    post: ({ store }) => store.post(batch),
    "post again": ({ store }) => store.post(batch),
    "set aside": ({ store }) => store.quarantineExpired(time),
    acknowledged: ({ store }) => store.ackedSequence(gatewayId),
    register: ({ store }) => store.registerGateway(gatewayId),
    grant: (bench) => bench.grant(request.walletId, amount),
    remainders: postRemaindersOf,
    // Rare, because nothing is leased to this process any more.
    ...(random.chance(0.04)
      ? { recover: ({ store }: LedgerBench) => store.recoverGateway(gatewayId) }
      : {}),
  };
  const what = random.pick(Object.keys(questions));
  return { what, ask: questions[what] as Question["ask"] };
}

/** Messages differ between the two; that something is refused does not. */
const answerOf = async (question: Question, bench: LedgerBench) =>
  await question.ask(bench).catch(() => "refused");

async function stateOf(bench: LedgerBench, leases: number) {
  const states: unknown[] = [];
  for (const walletId of WALLETS) {
    states.push(await bench.balances(walletId), await bench.remainderPicos(walletId));
  }
  for (let id = 1; id <= leases; id++) states.push(await bench.leaseState(BigInt(id)));
  return [...states, await bench.countEvents()];
}

test("the same questions get the same answers, and leave the same books", async () => {
  const seed = drawSeed();
  const random = new SeededRandom(seed);
  await using postgres = await openPostgresBench();
  await using memory = await openMemoryBench();
  const both = [memory, postgres] as const;
  for (const bench of both) {
    for (const _ of WALLETS) await bench.openWallet("organization");
    for (const walletId of WALLETS) await bench.grant(walletId, nanos(5_000n));
    for (const number of [1, 2, 3]) await bench.store.registerGateway(gatewayIdOf(number));
  }
  const remaindersOf = async (bench: LedgerBench) =>
    bench.store instanceof MemoryLedgerStore
      ? bench.store.postRemainders()
      : await postRemainders(postgres.database);
  let refusals = 0;

  for (let number = 1; number <= QUESTIONS; number++) {
    const question = draw(random, number, remaindersOf);
    const [inMemory, onPostgres] = [
      await answerOf(question, memory),
      await answerOf(question, postgres),
    ];
    if (inMemory === "refused") refusals += 1;

    expect({ seed, number, what: question.what, answer: onPostgres }).toEqual({
      ...{ seed, number, what: question.what, answer: inMemory },
    });
    if (number % 25 !== 0) continue;
    expect({ seed, state: await stateOf(postgres, 40) }).toEqual({
      ...{ seed, state: await stateOf(memory, 40) },
    });
  }

  expect(refusals).toBeGreaterThan(5);
  expect(await memory.problems()).toEqual([]);
  // Wallets change roles here, and requests complete at will: two checks are about neither.
  const problems = (await postgres.problems()).filter((one) => !/^(Request|Wallet) /.test(one));
  expect(problems).toEqual([]);
}, 60_000);
