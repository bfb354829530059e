import { planAnswer, tokensAfter } from "./plan-answer.ts";
import { readSandboxRequest, type SandboxRequest } from "./read-request.ts";
import { scriptsOfModels } from "./script.ts";
import { type Served, toUsage } from "./served.ts";
import { toCompletion } from "./wire.ts";

/**
 * The model for load tests: its whole answer is made once, so that what is measured is the caller and not the
 * sandbox. It is counted like any other.
 */
const MODEL = "sandbox-static";

const planned = planAnswer(
  readSandboxRequest(JSON.stringify({ model: MODEL, messages: [{ role: "user", content: "" }] })),
);
const completion = planned.choices.reduce(
  (sum, choice) => sum + tokensAfter(choice, choice.pieces.length),
  0,
);
const usage = {
  prompt_tokens: planned.promptTokens,
  cached_tokens: planned.cachedTokens,
  completion_tokens: completion,
  reasoning_tokens: 0,
};
const body = toCompletion(
  { id: "chatcmpl-static", model: MODEL, topLogprobs: undefined },
  planned,
  toUsage(usage),
);
const INIT = { headers: { "content-type": "application/json" } };

/** Undefined when the request asks for anything beyond the plain answer. */
export function answerStatic(
  request: SandboxRequest,
  count: { id: string; served: Served },
): Response | undefined {
  const isPlain =
    request.script === scriptsOfModels.get(MODEL) &&
    !request.stream &&
    request.n === 1 &&
    request.maxTokens >= completion &&
    request.tools.length === 0 &&
    request.jsonSchema === undefined &&
    request.topLogprobs === undefined;
  if (!isPlain) return undefined;
  const attempt = count.served.begin(count.id, planned);
  count.served.generate(attempt, { completion, reasoning: 0 });
  count.served.end(attempt, "answered");
  return new Response(body, INIT);
}
