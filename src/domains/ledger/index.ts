/** The door of the ledger. */
export { checkLedger, type LedgerReport } from "./check-store.ts";
export { expireCredits, postRemainders } from "./credit-store.ts";
export { LeasePool } from "./lease-pool.ts";
export type { Hold } from "./lease-state.ts";
export type {
  LeaseGrant,
  LeaseRequest,
  LeaseStore,
  LedgerStore,
  LiveLeases,
  PostBatch,
} from "./ledger-store.ts";
export {
  grant,
  ledgerStore,
  openWallet,
  RECALL_CHANNEL,
  readWallet,
  type WalletBalances,
  type WalletScope,
} from "./store.ts";
