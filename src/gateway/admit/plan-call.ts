/** Where a call goes: who may answer it, in which order, on which terms. */
import { priceAt, termsFor } from "../../domains/catalog/index.ts";
import type { Principal } from "../../domains/identity/index.ts";
import { isPriced, type PriceComponents, priceNeedsOf } from "../../domains/metering/index.ts";
import {
  detectLanguage,
  planRoute,
  type RouteCandidate,
  type RouteQuestion,
  refusalOf,
  toResident,
} from "../../domains/routing/index.ts";
import type { Failure } from "../../lib/errors.ts";
import { ATTEMPTS_MAX } from "../../lib/ids.ts";
import type { ServiceTier } from "../../lib/service-tiers.ts";
import type { Gateway } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";
import type { Candidate, Plan, ServedDeployment, ServedModel } from "./candidate.ts";
import { findCalled, OUTPUT_TOKENS_UNKNOWN } from "./find-model.ts";
import { orderCredentials } from "./order-credentials.ts";
import { planSandbox } from "./plan-sandbox.ts";

export async function planCall(
  gateway: Gateway,
  principal: Principal,
  request: CallRequest,
): Promise<Plan> {
  if (principal.mode === "test") return await planSandbox(gateway, request);
  const { route } = await findCalled(gateway, request.model);
  const language =
    route?.asksLanguage === true ? await detectLanguage(request.facts.sampleText()) : undefined;
  const question = questionOf(gateway, { principal, request, language });
  const planned = planRoute(route, gateway.snapshot.models, question, gateway.health);
  const [first, ...others] = planned.candidates
    .flatMap((candidate) => toCandidates(gateway, { request, question }, candidate))
    .slice(0, ATTEMPTS_MAX);
  if (first === undefined) throw refused(request, refusalOf(planned, question));
  return {
    modelName: request.model,
    candidates: [first, ...others],
    isBilled: true,
    policy: {
      ...(route === undefined ? usualPolicy(gateway, planned.policy) : planned.policy),
      callTimeoutMs: request.timeoutMs,
    },
  };
}

/** Where nothing but the request's own words stands in the way, they are named. */
function refused({ exchange }: CallRequest, failure: Failure): Failure {
  return failure.code === "unsupported_operation" ? (exchange.refusal ?? failure) : failure;
}

/** Without a route of its own a model is asked again as often as this installation is configured to. */
function usualPolicy(
  { limits: { retryRounds } }: Gateway,
  policy: ReturnType<typeof planRoute>["policy"],
): ReturnType<typeof planRoute>["policy"] {
  const { again } = policy;
  return {
    ...policy,
    again: {
      rate_limited: Math.min(again.rate_limited, retryRounds),
      overloaded: Math.min(again.overloaded, retryRounds),
      upstream: Math.min(again.upstream, retryRounds),
      timeout: 0,
    },
  };
}

type Question = RouteQuestion<ServedModel>;

const NO_PRICE = "the model has no price";

function questionOf(
  gateway: Gateway,
  asked: { principal: Principal; request: CallRequest; language: string | undefined },
): Question {
  const { principal, request, language } = asked;
  const nowMs = gateway.clock.nowMs();
  const priceNeeds = [...priceNeedsOf[request.operation], ...(request.priceNeeds ?? [])];
  const priced = (price: PriceComponents | undefined) =>
    price !== undefined && isPriced(price, priceNeeds) ? price : undefined;
  return {
    model: request.model,
    operation: request.operation,
    organization: principal.organization,
    organizationId: principal.organizationId,
    project: principal.project,
    keyId: principal.keyId,
    regions: principal.regions,
    metadata: request.facts.metadata,
    task: request.facts.task,
    isStream: request.isStream,
    inputTokensCounted: request.inputTokensCounted,
    inputTokensMax: request.inputTokensMax,
    contexts: request.contexts ?? 1,
    maxTokens: request.maxTokens,
    producesTokens: request.producesTokens,
    fixed: request.fixed,
    needs: request.needs,
    language,
    prefix: request.facts.prefix,
    whyNot: ({ upstream }) => request.exchange.whyNot(upstream),
    priceOf(model) {
      const price = priceAt(model.prices, nowMs);
      return price && priced(termsFor(price, pricedTier(gateway, price, request)));
    },
    whyNoPrice(model) {
      const price = priceAt(model.prices, nowMs);
      if (price === undefined) return NO_PRICE;
      const tier = pricedTier(gateway, price, request);
      if (termsFor(price, tier) !== undefined) return `${NO_PRICE} for all that it asks for`;
      return `${NO_PRICE} for the service tier '${tier}'`;
    },
    costOf(_, { costs }) {
      const cost = priceAt(costs, nowMs);
      return cost && termsFor(cost, request.serviceTier);
    },
    nowMs,
    chance: Math.random,
  };
}

/** By whose prices a call is charged: those of what was asked for, or the standard ones where the operator says so. */
function pricedTier(
  { limits }: Gateway,
  price: Parameters<typeof termsFor>[0],
  { serviceTier }: CallRequest,
): ServiceTier {
  const isLenient = serviceTier === "batch" && limits.batchAtStandardPrice;
  return isLenient && termsFor(price, "batch") === undefined ? "standard" : serviceTier;
}

/** One for each credential: what is wrong with one of them may not be wrong with the next. */
function toCandidates(
  gateway: Gateway,
  { request, question }: { request: CallRequest; question: Question },
  { model, deployment }: RouteCandidate<ServedModel>,
): Candidate[] {
  const price = question.priceOf(model);
  const version = priceAt(model.prices, question.nowMs);
  if (price === undefined || version === undefined) return [];
  const terms = {
    price,
    priceVersionId: version.priceVersionId,
    modelName: model.name,
    modelId: model.modelId,
    limit: model.limit,
    contextTokens: model.contextTokens ?? undefined,
    serviceTier: pricedTier(gateway, version, request),
    maxOutputTokens: model.maxOutputTokens ?? model.contextTokens ?? OUTPUT_TOKENS_UNKNOWN,
  };
  return targetsOf(gateway, deployment).flatMap((target) => {
    const resident = toResident(question.regions, target);
    return resident === undefined ? [] : [{ ...resident, ...terms }];
  });
}

function targetsOf(gateway: Gateway, { targets }: ServedDeployment): ServedDeployment["targets"] {
  return targets.length === 1 ? targets : orderCredentials(targets, gateway.health, Math.random);
}
