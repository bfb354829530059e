import { ask } from "../../providers/ask.ts";
import { authenticate } from "../admit/authenticate.ts";
import type { Call, Gateway } from "../gateway.ts";

/** GET /v1/models: what this key can call, in OpenAI's shape. */
export async function listModels(gateway: Gateway, call: Call): Promise<Response> {
  const { mode } = await authenticate(gateway, call);
  const callable = [...gateway.snapshot.models.values()].filter(
    (model) => model.candidates.length > 0,
  );
  const data: unknown[] = callable.map((model) => ({
    id: model.name,
    object: "model",
    created: 0,
    owned_by: mode === "test" ? "sandbox" : (model.candidates[0]?.upstream.name ?? ""),
    ...(model.contextTokens === null ? {} : { context_window: model.contextTokens }),
    ...(model.maxOutputTokens === null ? {} : { max_output_tokens: model.maxOutputTokens }),
  }));
  if (mode === "test") data.push(...(await listSimulated(gateway, call)));
  return Response.json({ object: "list", data }, { headers: { "x-request-id": call.requestId } });
}

/** The sandbox itself knows what it can play. */
async function listSimulated(gateway: Gateway, call: Call): Promise<unknown[]> {
  const response = await ask(gateway.sandbox, {
    method: "GET",
    path: "/models",
    attemptId: call.requestId,
    signal: call.signal,
    timeoutMs: gateway.limits.answerTimeoutMs,
  });
  const { data } = (await response.json()) as { data?: unknown };
  return Array.isArray(data) ? data : [];
}
