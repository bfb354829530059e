/** Keys of mode `test` reach simulated models only, and cost nothing. */
import type { Operation } from "../../lib/operations.ts";
import type { Gateway } from "../gateway.ts";
import type { CallRequest } from "../requests/call-request.ts";
import { type Plan, USUAL_POLICY } from "./candidate.ts";
import { findModel, OUTPUT_TOKENS_UNKNOWN } from "./find-model.ts";

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

export async function planSandbox(gateway: Gateway, request: CallRequest): Promise<Plan> {
  const isSimulated = request.model.startsWith(SIMULATED);
  const modelName = isSimulated ? request.model : (await findModel(gateway, request.model)).name;
  const upstreamModel: string = isSimulated ? modelName : standIns[request.operation];
  return {
    modelName,
    isBilled: false,
    policy: { ...USUAL_POLICY, retryRounds: 0 },
    candidates: [
      {
        upstream: gateway.sandbox,
        upstreamModel,
        deploymentId: 0n,
        region: null,
        healthKey: "sandbox",
        credentialKey: "sandbox",
        modelName,
        modelId: 0n,
        priceVersionId: 0n,
        price: {},
        serviceTier: "standard",
        contextTokens: undefined,
        maxOutputTokens: OUTPUT_TOKENS_UNKNOWN,
      },
    ],
  };
}
