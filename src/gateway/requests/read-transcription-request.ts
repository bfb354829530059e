/** Bytes → a validated request to write down what a recording says. Fields we do not know are kept and passed on. */
import { z } from "zod";
import { measureAudio } from "../../lib/audio/audio-length.ts";
import {
  countedTranscription,
  TranscriptionExchange,
  type TranscriptionRequest,
} from "../../providers/operations/transcription.ts";
import type { Call, GatewayLimits } from "../gateway.ts";
import type { CallRequest } from "./call-request.ts";
import { Model, operationRequest } from "./operation-request.ts";
import { FormFlag, readFields, readFiles, readForm, textBytesIn } from "./read-form.ts";
import { TEMPLATE_TOKENS_MAX } from "./token-bounds.ts";
import type { Upload } from "./upload-room.ts";

/** Of OpenAI. */
const FILE_BYTES_MAX = 25 * 1024 * 1024;
/** Samples of the voices of known speakers come as fields, each of up to ten seconds. */
const SPEAKER_SECONDS_MAX = 10;
/** Above what transcribing models in use make of a second of sound: 10 to 32. */
const HEARD_TOKENS_PER_SECOND_MAX = 50;
/** Of the fastest speech, in the languages that take the most tokens. */
const SPOKEN_TOKENS_PER_SECOND_MAX = 30;
const TEXT_TOKENS_MIN = 512;
/** Speech has about a dozen letters to a second. */
const BYTES_PER_SECOND_USUAL = 12;

const Form = z.object({
  model: Model,
  response_format: z
    .enum(["json", "text", "srt", "vtt", "verbose_json", "diarized_json"])
    .optional(),
  stream: FormFlag,
  prompt: z.string().optional(),
});

export async function readTranscriptionRequest(
  call: Call,
  limits: GatewayLimits,
  { does, upload }: { does: TranscriptionRequest["does"]; upload: Upload },
): Promise<CallRequest> {
  const form = await readForm(call, limits, { upload, fileBytesMax: FILE_BYTES_MAX });
  const { model, stream, prompt = "" } = readFields(form, Form);
  const [file] = readFiles(form, { names: ["file"], countMax: 1 });
  const { seconds, secondsMax } = measureAudio(file?.value ?? new Uint8Array(0));
  const speakers = form.parts.filter(({ name }) => name.startsWith("known_speaker_references"));
  const secondsHeard = secondsMax + speakers.length * SPEAKER_SECONDS_MAX;
  const speakerBytes = speakers.reduce((sum, { value }) => sum + value.length, 0);
  return operationRequest(call, {
    operation: "transcription",
    model,
    exchange: new TranscriptionExchange({ does, form, isStream: stream, seconds }),
    body: undefined,
    isStream: stream,
    text: prompt,
    modalities: ["audio"],
    inputTokensMax: textBytesIn(form) - speakerBytes + TEMPLATE_TOKENS_MAX,
    contexts: Number.POSITIVE_INFINITY,
    fixed: {
      // Begun seconds count, and some providers count one for the silence around.
      audio_seconds: Math.ceil(secondsHeard) + 1,
      audio_input: Math.ceil(secondsHeard * HEARD_TOKENS_PER_SECOND_MAX),
      output_text: Math.ceil(secondsMax * SPOKEN_TOKENS_PER_SECOND_MAX) + TEXT_TOKENS_MIN,
    },
    counted: countedTranscription(seconds, seconds * BYTES_PER_SECOND_USUAL),
  });
}
