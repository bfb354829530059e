/** Where a call goes: the models behind its name, the prices in force now, and the targets to try in order. */
import { priceAt } from "../../domains/catalog/index.ts";
import type { Principal } from "../../domains/identity/index.ts";
import { isPriced, type PriceComponents } from "../../domains/metering/index.ts";
import { Failure } from "../../lib/errors.ts";
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import type { Gateway } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";
import { type Plan, type ServedModel, USUAL_POLICY } from "./candidate.ts";
import { findModel, OUTPUT_TOKENS_UNKNOWN, unknownModel } from "./find-model.ts";
import { planSandbox } from "./plan-sandbox.ts";

export async function planCall(
  gateway: Gateway,
  principal: Principal,
  request: CallRequest,
): Promise<Plan> {
  if (principal.mode === "test") return await planSandbox(gateway, request);
  const model = await findModel(gateway, request.model);
  const price = priceAt(model.prices, gateway.clock.nowMs());
  if (price === undefined || !isPriced(price.picos)) {
    throw new Failure(
      "forbidden",
      `The model '${model.name}' has no price, so it cannot be called. An operator sets one with: baseload price set ${model.name} …`,
      { code: "no_price", param: "model" },
    );
  }
  const terms = termsOf(model, { priceVersionId: price.priceVersionId, price: price.picos });
  const [first, ...others] = model.targets
    .slice(0, ATTEMPTS_MAX)
    .map((target) => ({ ...target, ...terms }));
  if (first === undefined) throw unknownModel(gateway, request.model);
  return {
    modelName: model.name,
    candidates: [first, ...others],
    isBilled: true,
    policy: USUAL_POLICY,
  };
}

const termsOf = (
  model: ServedModel,
  priced: { priceVersionId: bigint; price: PriceComponents },
) => ({
  ...priced,
  modelName: model.name,
  modelId: model.modelId,
  contextTokens: model.contextTokens ?? undefined,
  maxOutputTokens: model.maxOutputTokens ?? model.contextTokens ?? OUTPUT_TOKENS_UNKNOWN,
});
