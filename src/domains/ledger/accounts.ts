/**
 * The accounts of a wallet. Their numbers are computed, not looked up, so that posting needs no join.
 *
 * granted = −(available + leased + quarantined + spent + expired): every transfer between them sums to zero.
 */
export const accountKinds = [
  "granted",
  "available",
  "leased",
  "quarantined",
  "spent",
  "expired",
] as const;

export type AccountKind = (typeof accountKinds)[number];

/** Room for eight kinds per wallet. */
export const ACCOUNTS_PER_WALLET = 8n;

export const accountIdOf = (walletId: bigint, kind: AccountKind): bigint =>
  walletId * ACCOUNTS_PER_WALLET + BigInt(accountKinds.indexOf(kind));
