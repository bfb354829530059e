import type { AiSdkProvider } from "../../upstream.ts";
import type { Api } from "./api.ts";
import { bedrock } from "./bedrock.ts";
import { cohere } from "./cohere.ts";
import { gemini } from "./gemini.ts";
import { mistral } from "./mistral.ts";

/** By the quirk `ai_sdk_provider`. */
export const apis: Readonly<Record<AiSdkProvider, Api>> = {
  google: gemini("google.generative-ai"),
  "google-vertex": gemini("google.vertex.chat"),
  "amazon-bedrock": bedrock,
  cohere,
  mistral,
};
