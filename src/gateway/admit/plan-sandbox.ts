/** Keys of mode `test` reach simulated models only, and cost nothing. */
import { DEFAULT_POLICY, toResidentHere } from "../../domains/routing/index.ts";
import type { Operation } from "../../lib/operations.ts";
import type { Gateway } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";
import type { Plan } from "./candidate.ts";
import { findCalled, OUTPUT_TOKENS_UNKNOWN } from "./find-model.ts";

/** Names of simulated models begin so. */
const SIMULATED = "sandbox-";

/** Play every model of the catalog, so that a program needs only another key to be tried out. */
const standIns: Readonly<Record<Operation, string>> = {
  chat: "sandbox-echo",
  embeddings: "sandbox-embedding",
  rerank: "sandbox-rerank",
  image_generation: "sandbox-image",
  image_edit: "sandbox-image",
  speech: "sandbox-speech",
  transcription: "sandbox-transcription",
  moderation: "sandbox-moderation",
};

/** What a script says shall go wrong must be seen. */
const NEVER = { rate_limited: 0, overloaded: 0, timeout: 0, upstream: 0 };

async function nameOf(gateway: Gateway, called: string): Promise<string> {
  await findCalled(gateway, called);
  return called;
}

export async function planSandbox(gateway: Gateway, request: CallRequest): Promise<Plan> {
  const isSimulated = request.model.startsWith(SIMULATED);
  const modelName = isSimulated ? request.model : await nameOf(gateway, request.model);
  const upstreamModel: string = isSimulated ? modelName : standIns[request.operation];
  return {
    modelName,
    isBilled: false,
    policy: { ...DEFAULT_POLICY, again: NEVER, callTimeoutMs: request.timeoutMs },
    candidates: [
      {
        ...toResidentHere({
          upstream: gateway.sandbox,
          upstreamModel,
          deploymentId: 0n,
          region: null,
          credentialId: 0n,
        }),
        modelName,
        modelId: 0n,
        priceVersionId: 0n,
        price: {},
        serviceTier: "standard",
        limit: undefined,
        contextTokens: undefined,
        maxOutputTokens: OUTPUT_TOKENS_UNKNOWN,
      },
    ],
  };
}
