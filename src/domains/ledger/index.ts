/** The door of the ledger. */
export { checkLedger, type LedgerReport } from "./check-store.ts";
export { expireCredits, postRemainders } from "./credit-store.ts";
export {
  type Hold,
  LeasePool,
  type LeasePoolOptions,
  type Reservation,
} from "./lease-pool.ts";
export type {
  LeaseGrant,
  LeaseRequest,
  LedgerStore,
  LiveLeases,
  PostBatch,
} from "./ledger-store.ts";
export {
  type GrantOptions,
  grant,
  ledgerStore,
  openWallet,
  RECALL_CHANNEL,
  readWallet,
  type WalletBalances,
  type WalletScope,
} from "./store.ts";
