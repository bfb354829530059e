/** Where a call goes: its model, the price in force now, and the deployments to try in order. */
import { type Model, nearestModels, priceAt } from "../../domains/catalog/index.ts";
import type { Principal } from "../../domains/identity/index.ts";
import { isPriced, type PriceComponents } from "../../domains/metering/index.ts";
import { Failure } from "../../lib/errors.ts";
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import type { Upstream } from "../../providers/upstream.ts";
import type { Gateway } from "../gateway.ts";
import type { ChatRequest } from "../requests/read-chat-request.ts";

/** One thing that can be asked. */
export type Candidate = {
  upstream: Upstream;
  upstreamModel: string;
  deploymentId: bigint;
  region: string | null;
};

/** A model of the snapshot with what this version can call of it. */
export type ServedModel = Model & { candidates: readonly Candidate[] };

export type Plan = {
  modelName: string;
  modelId: bigint;
  candidates: readonly [Candidate, ...Candidate[]];
  priceVersionId: bigint;
  price: PriceComponents;
  contextTokens: number | undefined;
  maxOutputTokens: number;
  isBilled: boolean;
};

/** The output limit of a model whose own limit nobody has entered. */
const OUTPUT_TOKENS_UNKNOWN = 4_096;
const FREE: PriceComponents = {};

export async function planChat(
  gateway: Gateway,
  principal: Principal,
  request: ChatRequest,
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
  const [first, ...others] = model.candidates.slice(0, ATTEMPTS_MAX);
  if (first === undefined) throw unknownModel(gateway, request.model);
  return {
    modelName: model.name,
    modelId: model.modelId,
    candidates: [first, ...others],
    priceVersionId: price.priceVersionId,
    price: price.picos,
    contextTokens: model.contextTokens ?? undefined,
    maxOutputTokens: model.maxOutputTokens ?? model.contextTokens ?? OUTPUT_TOKENS_UNKNOWN,
    isBilled: true,
  };
}

/** Names of simulated models begin so. */
const SIMULATED = "sandbox-";
/** Plays every model of the catalog, so that a program needs only another key to be tried out. */
const STAND_IN = "sandbox-echo";

/** Keys of mode `test` reach simulated models only, and cost nothing. */
async function planSandbox(gateway: Gateway, request: ChatRequest): Promise<Plan> {
  const isSimulated = request.model.startsWith(SIMULATED);
  const modelName = isSimulated ? request.model : (await findModel(gateway, request.model)).name;
  const upstreamModel = isSimulated ? modelName : STAND_IN;
  return {
    modelName,
    modelId: 0n,
    candidates: [{ upstream: gateway.sandbox, upstreamModel, deploymentId: 0n, region: null }],
    priceVersionId: 0n,
    price: FREE,
    contextTokens: undefined,
    maxOutputTokens: OUTPUT_TOKENS_UNKNOWN,
    isBilled: false,
  };
}

async function findModel(gateway: Gateway, name: string): Promise<ServedModel> {
  const { snapshot } = gateway;
  if (!snapshot.models.has(name)) await snapshot.lookAgain(() => snapshot.models.has(name));
  const model = snapshot.models.get(name);
  if (model === undefined) throw unknownModel(gateway, name);
  return model;
}

function unknownModel(gateway: Gateway, name: string): Failure {
  const near = nearestModels(name, gateway.snapshot.models.keys());
  const hint =
    near.length === 0 ? "GET /v1/models lists them." : `Did you mean ${near.join(" or ")}?`;
  return new Failure("not_found", `The model '${name}' does not exist here. ${hint}`, {
    code: "model_not_found",
    param: "model",
  });
}
