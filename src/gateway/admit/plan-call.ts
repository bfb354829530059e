/** Where a call goes: the models behind its name, the prices in force now, and the targets to try in order. */
import { priceAt, termsFor } from "../../domains/catalog/index.ts";
import type { Principal } from "../../domains/identity/index.ts";
import { priceNeedsOf, unmetNeeds } from "../../domains/metering/index.ts";
import { Failure } from "../../lib/errors.ts";
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import type { Gateway } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";
import { type Candidate, type Plan, type ServedModel, USUAL_POLICY } from "./candidate.ts";
import { findModel, OUTPUT_TOKENS_UNKNOWN, unknownModel } from "./find-model.ts";
import { planSandbox } from "./plan-sandbox.ts";

export async function planCall(
  gateway: Gateway,
  principal: Principal,
  request: CallRequest,
): Promise<Plan> {
  if (principal.mode === "test") return await planSandbox(gateway, request);
  const model = await findModel(gateway, request.model);
  const terms = termsOf(model, pricedFor(gateway, model, request));
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

type Priced = Pick<Candidate, "priceVersionId" | "price" | "serviceTier">;

/** @throws Failure `forbidden` when anything that this call needs has no price: unknown is not free. */
function pricedFor(gateway: Gateway, model: ServedModel, request: CallRequest): Priced {
  const { operation, serviceTier } = request;
  const version = priceAt(model.prices, gateway.clock.nowMs());
  if (version === undefined) throw noPrice(model, "no price");
  const price = termsFor(version, serviceTier);
  if (price === undefined) throw noPrice(model, `no price for the service tier '${serviceTier}'`);
  const [unmet] = unmetNeeds(price, priceNeedsOf[operation]);
  if (unmet !== undefined) throw noPrice(model, `no price for ${unmet.join(" or ")}`);
  return { priceVersionId: version.priceVersionId, price, serviceTier };
}

const noPrice = (model: ServedModel, what: string): Failure =>
  new Failure(
    "forbidden",
    `The model '${model.name}' has ${what}, so this call is refused. An operator sets one with: baseload price set ${model.name} …`,
    { code: "no_price", param: "model" },
  );

const termsOf = (model: ServedModel, priced: Priced) => ({
  ...priced,
  modelName: model.name,
  modelId: model.modelId,
  contextTokens: model.contextTokens ?? undefined,
  maxOutputTokens: model.maxOutputTokens ?? model.contextTokens ?? OUTPUT_TOKENS_UNKNOWN,
});
