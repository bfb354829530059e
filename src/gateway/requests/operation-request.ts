/** What calls beside chat have in common. */

import { z } from "zod";
import { PREFIX_CHARS, SAMPLE_CHARS } from "../../domains/routing/index.ts";
import type { Call } from "../gateway.ts";
import type { CallRequest } from "./call-request.ts";
import { readServiceTier, readTold } from "./routing-facts.ts";
import { BYTES_PER_TOKEN } from "./token-bounds.ts";

export const Model = z.string().min(1).max(256);

type Own = Pick<CallRequest, "operation" | "model" | "exchange" | "inputTokensMax" | "fixed"> & {
  counted: NonNullable<CallRequest["counted"]>;
  contexts?: number;
  body: CallRequest["body"];
  isStream?: boolean;
  modalities?: readonly string[];
  /** The text that the call is about; its language may decide where the call goes. */
  text: string;
};

export function operationRequest(call: Call, own: Own): CallRequest {
  const { text, modalities = [], isStream = false, ...rest } = own;
  const told = readTold(call, own.body?.["metadata"]);
  return {
    ...rest,
    isStream,
    choices: 1,
    maxTokens: undefined,
    producesTokens: false,
    inputTokensCounted: Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN),
    serviceTier: readServiceTier(own.body?.["service_tier"]),
    needs: { capabilities: [], modalities },
    facts: {
      metadata: told.metadata,
      task: told.task,
      sampleText: () => text.slice(0, SAMPLE_CHARS),
      prefix: () => text.slice(0, PREFIX_CHARS),
    },
    timeoutMs: told.timeoutMs,
  };
}
