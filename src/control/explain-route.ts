/** A dry run: the plan of a call that is not made, from the same planner that gateways use. */
import type { OperationAnswer, OperationRequest } from "../contract/operation.ts";
import type { explainRoute } from "../contract/routes.ts";
import { priceAt } from "../domains/catalog/index.ts";
import { findOrganization } from "../domains/identity/index.ts";
import { isPriced, priceNeedsOf, upperBound } from "../domains/metering/index.ts";
import {
  assertMakesSense,
  detectLanguage,
  planRoute,
  type Route,
  type RouteQuestion,
  refusalOf,
  toRoute,
} from "../domains/routing/index.ts";
import { Failure } from "../lib/errors.ts";
import { type Nanos, nanosCovering, usdFromNanos } from "../lib/money.ts";
import { didYouMean } from "../lib/nearest.ts";
import { seededChance } from "../lib/seeded-chance.ts";
import { whyNotServed } from "../providers/operations/put.ts";
import type { Control } from "./control.ts";
import { readHealthBook } from "./read-health-book.ts";
import { type CurrentOffer, type OfferedModel, readOffer } from "./read-offer.ts";

type Asked = OperationRequest<typeof explainRoute>["body"];
type Explained = OperationAnswer<typeof explainRoute>;

/** As gateways count where nobody has counted better. */
const BYTES_PER_TOKEN = 4;
/** A question of a few sentences, for who asks about no call in particular. */
const INPUT_TOKENS_ASSUMED = 1_000;
/** The output limit of a model whose own limit nobody has entered. */
const OUTPUT_TOKENS_UNKNOWN = 4_096;

export async function explain(control: Control, asked: Asked): Promise<Explained> {
  const offer = await readOffer(control);
  const route = findRoute(asked, offer);
  const question = await questionOf(control, { asked, route });
  const book = await readHealthBook(control.runFolder);
  const plan = planRoute(route, offer.models, question, book.health);
  const bounds = plan.candidates.map(({ model }) => costBound(model, question));
  const most = bounds.reduce<Nanos | undefined>(
    (max, bound) => (max === undefined || bound > max ? bound : max),
    undefined,
  );
  const { policy } = plan;
  return {
    model: asked.model,
    route: route === undefined ? null : { name: route.name, version: route.version },
    language: route?.asksLanguage === true ? (question.language ?? "unknown") : null,
    input_tokens: question.inputTokensCounted,
    candidates: plan.candidates.map(({ model, deployment, tier, why, isLastResort }, index) => ({
      model: model.name,
      provider: deployment.upstream.name,
      region: deployment.region,
      tier,
      why,
      is_last_resort: isLastResort,
      cost_bound_usd: usdFromNanos(bounds[index] as Nanos),
    })),
    left_out: plan.leftOut.map(({ tier, target, reason, why }) => ({ tier, target, reason, why })),
    cost_bound_usd: most === undefined ? null : usdFromNanos(most),
    refusal: plan.candidates.length > 0 ? null : refusalOf(plan, question).message,
    health: book.isLive ? "live" : "unknown",
    policy: {
      attempts: policy.attemptsMax,
      hedge_after_ms: policy.hedge?.afterMs ?? null,
      timeout_ms: policy.timeoutMs ?? null,
      cache_ttl_seconds: policy.cache?.ttlSeconds ?? null,
    },
  };
}

function findRoute({ model, definition }: Asked, offer: CurrentOffer): Route | undefined {
  if (definition !== undefined) {
    const others = new Set([...offer.routes].filter((name) => name !== model));
    assertMakesSense(model, definition, { ...offer, routes: others });
    return toRoute(model, 0, definition);
  }
  const route = offer.routesByName.get(model);
  if (route !== undefined || offer.models.has(model)) return route;
  const hint = didYouMean(model, [...offer.routes, ...offer.models.keys()]);
  throw new Failure("not_found", `There is no route and no model '${model}'.${hint}`, {
    param: "model",
    code: "model_not_found",
  });
}

type Question = RouteQuestion<OfferedModel>;

async function questionOf(
  control: Control,
  { asked, route }: { asked: Asked; route: Route | undefined },
): Promise<Question> {
  const organization =
    asked.organization === undefined
      ? undefined
      : await findOrganization(control.database, asked.organization);
  const nowMs = asked.at === undefined ? control.clock.nowMs() : Date.parse(asked.at);
  const { operation, text = "" } = asked;
  return {
    model: asked.model,
    operation,
    organization: organization?.name ?? "",
    organizationId: organization?.organizationId ?? 0n,
    project: asked.project ?? "",
    keyId: asked.key ?? "",
    regions: asked.regions ?? organization?.regions ?? null,
    metadata: asked.metadata,
    task: asked.task,
    isStream: asked.stream,
    ...inputTokensOf(asked),
    maxTokens: asked.max_output_tokens,
    producesTokens: operation === "chat",
    fixed: {},
    needs: { capabilities: asked.capabilities, modalities: asked.modalities },
    language:
      asked.language ?? (route?.asksLanguage === true ? await detectLanguage(text) : undefined),
    prefix: () => text,
    // What a dialect of chat cannot say is known only once there is a body.
    whyNot: ({ upstream }) =>
      operation === "chat" ? undefined : whyNotServed(upstream, { endpoint: operation, path: "" }),
    priceOf(model) {
      const price = priceAt(model.prices, nowMs)?.picos;
      return price !== undefined && isPriced(price, priceNeedsOf[operation]) ? price : undefined;
    },
    costOf: (_, { costs }) => priceAt(costs, nowMs)?.picos,
    nowMs,
    chance: asked.seed === undefined ? Math.random : seededChance(asked.seed),
  };
}

function inputTokensOf({
  input_tokens,
  text,
}: Asked): Pick<Question, "inputTokensCounted" | "inputTokensMax"> {
  if (input_tokens === undefined && text !== undefined) {
    const bytes = Buffer.byteLength(text);
    return { inputTokensCounted: Math.ceil(bytes / BYTES_PER_TOKEN), inputTokensMax: bytes };
  }
  const tokens = input_tokens ?? INPUT_TOKENS_ASSUMED;
  return { inputTokensCounted: tokens, inputTokensMax: tokens };
}

/** What the call would hold here before it begins. */
function costBound(model: OfferedModel, question: Question): Nanos {
  const { inputTokensMax, maxTokens, producesTokens } = question;
  const limit = model.maxOutputTokens ?? model.contextTokens ?? OUTPUT_TOKENS_UNKNOWN;
  return nanosCovering(
    upperBound(question.priceOf(model) ?? {}, {
      inputTokens: Math.min(inputTokensMax, model.contextTokens ?? Number.POSITIVE_INFINITY),
      outputTokens: producesTokens ? Math.min(maxTokens ?? limit, limit) : 0,
    }),
  );
}
