/** What can be asked of a model. Named as in the GenAI conventions of OpenTelemetry where those have a word. */
export const operations = [
  "chat",
  "embeddings",
  "rerank",
  "image_generation",
  "image_edit",
  "speech",
  "transcription",
  "moderation",
] as const;

export type Operation = (typeof operations)[number];
