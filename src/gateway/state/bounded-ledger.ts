import type { LeaseStore } from "../../domains/ledger/index.ts";

/** A healthy database answers in milliseconds. A call that waits longer than this is told to come again. */
const ANSWER_MS = 5_000;

/**
 * The ledger, for as long as a call can wait for it. A database that says nothing counts as one that is away: the
 * pool knows what to do with answers that got lost, and nobody waits for a network that swallows everything.
 */
export const boundedLedger = (store: LeaseStore, answerMs = ANSWER_MS): LeaseStore => ({
  takeLease: (request) => within(answerMs, store.takeLease(request)),
  returnLease: (leaseId, amount) => within(answerMs, store.returnLease(leaseId, amount)),
  renewLeases: (gatewayId, expiresAt) => within(answerMs, store.renewLeases(gatewayId, expiresAt)),
});

async function within<T>(answerMs: number, answer: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`the ledger's database has not answered for ${answerMs} ms`)),
    answerMs,
  );
  return await Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
