/** The simulated operations beside chat, by their paths. */
import { planEmbeddings } from "./embeddings.ts";
import { planImageEdit, planImages } from "./images.ts";
import { planModeration } from "./moderation.ts";
import type { PlanOperation } from "./operation.ts";
import { planRerank } from "./rerank.ts";
import { planSpeech } from "./speech.ts";
import { planTranscription, planTranslation } from "./transcription.ts";

export type SimulatedOperation = {
  plan: PlanOperation;
  /** Where the request names none. */
  model: string;
};

export const simulatedOperations = {
  "/v1/embeddings": { plan: planEmbeddings, model: "sandbox-embedding" },
  "/v1/rerank": { plan: planRerank, model: "sandbox-rerank" },
  "/v1/images/generations": { plan: planImages, model: "sandbox-image" },
  "/v1/images/edits": { plan: planImageEdit, model: "sandbox-image" },
  "/v1/audio/speech": { plan: planSpeech, model: "sandbox-speech" },
  "/v1/audio/transcriptions": { plan: planTranscription, model: "sandbox-transcription" },
  "/v1/audio/translations": { plan: planTranslation, model: "sandbox-transcription" },
  "/v1/moderations": { plan: planModeration, model: "sandbox-moderation" },
} as const satisfies Record<string, SimulatedOperation>;
