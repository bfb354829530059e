/** Bytes → a validated request for speech. Fields we do not know are kept and passed on. */
import { z } from "zod";
import { charactersOf, countedSpeech } from "../../providers/operations/counted-speech.ts";
import { SpeechExchange } from "../../providers/operations/speech.ts";
import type { CallRequest, ReadCallRequest } from "./call-request.ts";
import { invalidField } from "./invalid-field.ts";
import { Model, operationRequest } from "./operation-request.ts";
import { readJsonBody } from "./read-json.ts";
import { TEMPLATE_TOKENS_MAX } from "./token-bounds.ts";

/** OpenAI takes 4,096; others a short story. */
const CHARACTERS_MAX = 100_000;
const SPEED = { min: 0.25, max: 4 };
/** Of speech at usual speed: an emoji, or a sign that is read out by its name, takes a word. */
const SECONDS_PER_BYTE_MAX = 0.5;
/** Above what speech models in use make: OpenAI's 21, others up to 25. */
const TOKENS_PER_SECOND_MAX = 25;

const Body = z.looseObject({
  model: Model,
  input: z.string().min(1).max(CHARACTERS_MAX),
  voice: z.union([z.string(), z.looseObject({})], { error: "expected a name" }).nullish(),
  instructions: z.string().nullish(),
  response_format: z.string().max(32).nullish(),
  speed: z.number().min(SPEED.min).max(SPEED.max).nullish(),
  stream_format: z.enum(["audio", "sse"]).nullish(),
});

export const readSpeechRequest: ReadCallRequest = async (call, limits): Promise<CallRequest> => {
  const { body, bytes } = await readJsonBody(call, limits);
  const parsed = Body.safeParse(body);
  if (!parsed.success) throw invalidField(parsed.error);
  const { model, input, speed } = parsed.data;
  const slowness = 1 / Math.min(speed ?? 1, 1);
  const seconds = Math.ceil(Buffer.byteLength(input) * SECONDS_PER_BYTE_MAX * slowness) + 1;
  return operationRequest(call, {
    operation: "speech",
    model,
    exchange: new SpeechExchange(body),
    body,
    isStream: true,
    text: input,
    inputTokensMax: bytes.length + TEMPLATE_TOKENS_MAX,
    fixed: {
      characters: charactersOf(input),
      audio_seconds: seconds,
      audio_output: seconds * TOKENS_PER_SECOND_MAX,
    },
    counted: countedSpeech(body),
  });
};
