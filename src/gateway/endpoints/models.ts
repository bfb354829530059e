import { authenticate } from "../authenticate.ts";
import type { Call, Gateway } from "../gateway.ts";

/** GET /v1/models: what this key can call, in OpenAI's shape. */
export async function listModels(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await authenticate(gateway, call);
  const callable = [...gateway.snapshot.models.values()].filter(
    (model) => model.candidates.length > 0,
  );
  const data = callable.map((model) => ({
    id: model.name,
    object: "model",
    created: 0,
    owned_by: principal.mode === "test" ? "sandbox" : (model.candidates[0]?.upstream.name ?? ""),
    ...(model.contextTokens === null ? {} : { context_window: model.contextTokens }),
    ...(model.maxOutputTokens === null ? {} : { max_output_tokens: model.maxOutputTokens }),
  }));
  return Response.json({ object: "list", data }, { headers: { "x-request-id": call.requestId } });
}
