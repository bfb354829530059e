import * as contract from "../../contract/calls.ts";
import { readWallet, type WalletBalances } from "../../domains/ledger/index.ts";
import { type CallReceipt, readCall } from "../../domains/metering/index.ts";
import { Failure } from "../../lib/errors.ts";
import { nanos, picos, usdFromNanos, usdFromPicos } from "../../lib/money.ts";
import { inputTokensOf, outputTokensOf } from "../../lib/quantities.ts";
import { type Route, route } from "../route.ts";
import { toTime } from "../to-wire.ts";

export const callRoutes: readonly Route[] = [
  route(contract.readCall, async ({ database }, { params }) => {
    const receipt = await readCall(database, params.request_id);
    if (receipt === undefined) throw notPosted(params.request_id);
    return toWire(receipt, await readWallet(database, receipt.walletId));
  }),
];

function toWire(receipt: CallReceipt, wallet: WalletBalances): contract.Call {
  const { attempts } = receipt;
  const total = (tokensOf: (attempt: (typeof attempts)[number]) => number): number =>
    attempts.reduce((sum, attempt) => sum + tokensOf(attempt), 0);
  return {
    request_id: receipt.requestId,
    organization: receipt.organization,
    project: receipt.project,
    key_id: receipt.keyId,
    model: receipt.model,
    attempts: attempts.map((attempt) => ({
      attempt: attempt.attempt,
      provider: attempt.provider,
      upstream_model: attempt.upstreamModel,
      started_at: toTime(attempt.startedAt),
      ended_at: toTime(attempt.endedAt),
      outcome: attempt.outcome,
      usage_source: attempt.source,
      quantities: attempt.quantities,
      price_version_id: String(attempt.priceVersionId),
      service_tier: attempt.serviceTier,
      cost_usd: usdFromPicos(attempt.cost),
      charge_usd: usdFromNanos(attempt.charge),
      transfer_id: attempt.transferId,
    })),
    input_tokens: total((attempt) => inputTokensOf(attempt.quantities)),
    cached_input_tokens: total((attempt) => attempt.quantities.cache_read ?? 0),
    output_tokens: total((attempt) => outputTokensOf(attempt.quantities)),
    cost_usd: usdFromPicos(picos(attempts.reduce((sum, attempt) => sum + attempt.cost, 0n))),
    charge_usd: usdFromNanos(nanos(attempts.reduce((sum, attempt) => sum + attempt.charge, 0n))),
    balance_usd: usdFromNanos(
      nanos(wallet.availableNanos + wallet.leasedNanos + wallet.quarantinedNanos),
    ),
  };
}

const notPosted = (requestId: string): Failure =>
  new Failure(
    "not_found",
    `Nothing is posted for request ${requestId}. A call is posted within a second or two after its end; calls with test keys never are.`,
    { param: "request_id", code: "call_not_found" },
  );
