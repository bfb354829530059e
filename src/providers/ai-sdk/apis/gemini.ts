/** Gemini, at Google's API for developers and at Vertex. */
import type { JsonObject } from "../../../lib/json.ts";
import type { Quantities } from "../../../lib/quantities.ts";
import { listIn } from "../../dialects/openai-chat/wire.ts";
import { countIn, quantitiesOf, shareOut } from "../../operations/counts.ts";
import { type Api, tierOf } from "./api.ts";

/** Google reads its fields in either spelling. */
const bothSpellings = (fields: readonly string[]): ReadonlySet<string> =>
  new Set([
    ...fields,
    ...fields.map((field) => field.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)),
  ]);

const GEMINI_FIELDS = [
  "contents",
  "systemInstruction",
  "generationConfig",
  "tools",
  "toolConfig",
  "safetySettings",
  "cachedContent",
  "serviceTier",
  "labels",
  "continuationToken",
] as const;

/** Files that Gemini fetches itself: its own, and videos. */
const GEMINI_URLS = {
  "*": [
    /^https:\/\/generativelanguage\.googleapis\.com\/v1beta\/files\//,
    /^https:\/\/(?:www\.)?youtube\.com\/watch\?v=[\w-]+/,
    /^https:\/\/youtu\.be\/[\w-]+/,
  ],
};
const VERTEX_URLS = { "*": [/^https?:\/\//, /^gs:\/\//] };
export const gemini = (name: "google.generative-ai" | "google.vertex.chat"): Api => ({
  // The package's own class: its factory would look for keys in the environment.
  open: async ({ baseURL, fetch, model }) => {
    const { GoogleLanguageModel } = await import("@ai-sdk/google/internal");
    return new GoogleLanguageModel(model, {
      provider: name,
      baseURL,
      fetch,
      generateId: () => crypto.randomUUID(),
      supportedUrls: () => (name === "google.vertex.chat" ? VERTEX_URLS : GEMINI_URLS),
    });
  },
  ownFields: bothSpellings(GEMINI_FIELDS),
  readUsage: readGeminiUsage,
  effort: ({ reasoning }) =>
    reasoning?.budgetTokens === undefined ? reasoning?.effort : undefined,
  options: (prompt) => ({
    google: {
      // Thoughts cost the same whether they are shown or not.
      ...(prompt.reasoning === undefined || prompt.reasoning.effort === "none"
        ? {}
        : {
            thinkingConfig: {
              includeThoughts: true,
              ...(prompt.reasoning.budgetTokens === undefined
                ? {}
                : { thinkingBudget: prompt.reasoning.budgetTokens }),
            },
          }),
      ...tierOf(prompt),
    },
  }),
});

/**
 * Gemini and Vertex. Cached tokens lie inside `promptTokenCount`; what tools added to the prompt lies beside it;
 * thoughts lie beside `candidatesTokenCount`, except where the total says otherwise.
 *
 * https://ai.google.dev/api/generate-content#UsageMetadata
 */
export function readGeminiUsage(raw: JsonObject): Quantities | undefined {
  const prompt = countIn(raw["promptTokenCount"]);
  const said = countIn(raw["candidatesTokenCount"]);
  if (prompt === undefined && said === undefined) return undefined;
  const input = (prompt ?? 0) + (countIn(raw["toolUsePromptTokenCount"]) ?? 0);
  const thoughts = countIn(raw["thoughtsTokenCount"]) ?? 0;
  const total = countIn(raw["totalTokenCount"]);
  const counted = (said ?? 0) + thoughts;
  const output = total === undefined || total < input ? counted : total - input;
  const cached = modalitiesIn(raw["cacheTokensDetails"]);
  const heard = modalitiesIn(raw["promptTokensDetails"]);
  const made = modalitiesIn(raw["candidatesTokensDetails"]);
  const taken = shareOut(input, {
    cache_read: countIn(raw["cachedContentTokenCount"]),
    audio_input: Math.max(heard.audio - cached.audio, 0),
    image_input: Math.max(heard.image - cached.image, 0),
  });
  const given = shareOut(output, {
    reasoning: thoughts,
    audio_output: made.audio,
    image_output: made.image,
  });
  return quantitiesOf({
    ...taken.parts,
    uncached_input: taken.rest,
    ...given.parts,
    output_text: given.rest,
  });
}

function modalitiesIn(details: unknown): { audio: number; image: number } {
  const countOf = (modality: string) =>
    listIn(details)
      .filter((detail) => detail["modality"] === modality)
      .reduce((sum, detail) => sum + (countIn(detail["tokenCount"]) ?? 0), 0);
  return { audio: countOf("AUDIO"), image: countOf("IMAGE") };
}
