import * as contract from "../../contract/wallets.ts";
import { findOrganization, listBudgets } from "../../domains/identity/index.ts";
import { readWallet, type WalletBalances } from "../../domains/ledger/index.ts";
import { usdFromNanos } from "../../lib/money.ts";
import { type Route, route } from "../route.ts";

export const walletRoutes: readonly Route[] = [
  route(contract.readWallet, async ({ database }, { query }) => {
    const organization = await findOrganization(database, query.organization);
    const budgets = await listBudgets(database, organization.organizationId);
    return {
      organization: organization.name,
      ...toAmounts(await readWallet(database, organization.walletId)),
      budgets: await Promise.all(
        budgets.map(async (budget) => ({
          scope: budget.scope,
          project: budget.project,
          key_id: budget.keyId,
          name: budget.name,
          ...toAmounts(await readWallet(database, budget.walletId)),
        })),
      ),
    };
  }),
];

/** Quarantined money is held back: it may still be charged, but nobody can spend it a second time. */
const toAmounts = (wallet: WalletBalances) => ({
  balance_usd: usdFromNanos(wallet.availableNanos),
  held_usd: usdFromNanos(wallet.quarantinedNanos),
  leased_usd: usdFromNanos(wallet.leasedNanos),
  spent_usd: usdFromNanos(wallet.spentNanos),
  granted_usd: usdFromNanos(wallet.grantedNanos),
  expired_usd: usdFromNanos(wallet.expiredNanos),
});
