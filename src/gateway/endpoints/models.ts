/** GET /v1/models, and one of them: what a key can call. */
import { isRegionAllowed } from "../../domains/routing/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { ask } from "../../providers/ask.ts";
import { authenticate } from "../admit/authenticate.ts";
import type { ServedModel } from "../admit/candidate.ts";
import { callHeaders } from "../client-errors.ts";
import type { Call, Gateway } from "../gateway.ts";
import { isAnthropic, pageOfModels, toAnthropicModel } from "./anthropic-models.ts";

export type ListedModel = {
  name: string;
  ownedBy: string;
  contextTokens: number | null;
  maxOutputTokens: number | null;
};

const PATH = "/v1/models/";

export async function listModels(gateway: Gateway, call: Call): Promise<Response> {
  const models = await listedFor(gateway, call);
  if (isAnthropic(call)) return respond(call, pageOfModels(models, call.request));
  return respond(call, { object: "list", data: models.map(toOpenAiModel) });
}

/** Names may hold slashes: everything behind the path is the name. */
export async function showModel(gateway: Gateway, call: Call): Promise<Response> {
  const models = await listedFor(gateway, call);
  const name = decoded(new URL(call.request.url).pathname.slice(PATH.length));
  const model = models.find((one) => one.name === name);
  if (model === undefined) {
    const message = `The model '${name}' does not exist here. GET /v1/models lists those that do.`;
    throw new Failure("not_found", message, { code: "model_not_found", param: "model" });
  }
  return respond(call, isAnthropic(call) ? toAnthropicModel(model) : toOpenAiModel(model));
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

const respond = (call: Call, body: JsonObject): Response =>
  Response.json(body, { headers: callHeaders(call) });

async function listedFor(gateway: Gateway, call: Call): Promise<ListedModel[]> {
  const { mode, regions } = await authenticate(gateway, call);
  const isTest = mode === "test";
  const { models, routes } = gateway.snapshot;
  // Test keys reach nothing but the sandbox, wherever a model runs.
  const canAnswer = (model: ServedModel | undefined): boolean =>
    model?.candidates.some(({ region }) => isTest || isRegionAllowed(regions, region)) === true;
  const listed = [...models.values()]
    .filter((model) => canAnswer(model) && !routes.has(model.name))
    .map((model) => toListed(model, isTest ? "sandbox" : undefined));
  for (const [name, { tiers }] of routes) {
    const targets = tiers.flatMap((tier) => tier.targets.map(({ model }) => models.get(model)));
    if (targets.some(canAnswer)) listed.push(routeListed(name, targets));
  }
  return isTest ? [...listed, ...(await listSimulated(gateway, call))] : listed;
}

/** A route promises what the least of its models can do: which of them answers is not known before. */
function routeListed(name: string, targets: readonly (ServedModel | undefined)[]): ListedModel {
  const least = (limits: (number | null | undefined)[]): number | null =>
    limits.reduce<number | null>(
      (low, limit) => (limit == null ? low : Math.min(low ?? limit, limit)),
      null,
    );
  return {
    name,
    ownedBy: "route",
    contextTokens: least(targets.map((model) => model?.contextTokens)),
    maxOutputTokens: least(targets.map((model) => model?.maxOutputTokens)),
  };
}

const toListed = (model: ServedModel, owner: string | undefined): ListedModel => ({
  name: model.name,
  ownedBy: owner ?? model.candidates[0]?.upstream.name ?? "",
  contextTokens: model.contextTokens,
  maxOutputTokens: model.maxOutputTokens,
});

const toOpenAiModel = ({ name, ownedBy, contextTokens, maxOutputTokens }: ListedModel) => ({
  id: name,
  object: "model",
  created: 0,
  owned_by: ownedBy,
  ...(contextTokens === null ? {} : { context_window: contextTokens }),
  ...(maxOutputTokens === null ? {} : { max_output_tokens: maxOutputTokens }),
});

/** The sandbox itself knows what it can play. */
async function listSimulated(gateway: Gateway, call: Call): Promise<ListedModel[]> {
  const response = await ask(gateway.sandbox, {
    method: "GET",
    path: "/models",
    attemptId: call.requestId,
    signal: call.signal,
    timeoutMs: gateway.limits.answerTimeoutMs,
  });
  const { data } = (await response.json()) as { data?: { id: string }[] };
  return (data ?? []).map(({ id }) => ({
    name: id,
    ownedBy: "sandbox",
    contextTokens: null,
    maxOutputTokens: null,
  }));
}
