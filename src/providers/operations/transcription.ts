/** POST /v1/audio/transcriptions and /v1/audio/translations. */
import { fieldIn, type MultipartForm } from "../../lib/multipart.ts";
import type { Quantities } from "../../lib/quantities.ts";
import { isError, parseRecord, tokensForBytes } from "../dialects/openai-chat/wire.ts";
import type { AnswerReader, Exchange, SendOptions, WholeAnswer } from "../exchange.ts";
import type { ReadUsage } from "../neutral/answer.ts";
import { readAnswer } from "../read-answer.ts";
import { readBody } from "../read-body.ts";
import type { Upstream } from "../upstream.ts";
import { failureFromErrorObject } from "../upstream-failure.ts";
import { countIn, quantitiesOf, recordIn } from "./counts.ts";
import { EventTap } from "./event-tap.ts";
import { eventsOrWhole } from "./events-or-whole.ts";
import { type Door, putAsSent, whyNotServed } from "./put.ts";
import { readTokens } from "./read-tokens.ts";

const doors = {
  transcribe: { endpoint: "transcription", path: "/audio/transcriptions" },
  translate: { endpoint: "translation", path: "/audio/translations" },
} as const satisfies Record<string, Door>;

const LAST_EVENT = "transcript.text.done";
/** A day of speech with the time of each word. */
const TEXT_BYTES_MAX = 16 * 1024 * 1024;
/** Of sound, by OpenAI's transcribing models. */
const TOKENS_PER_SECOND = 10;

export type TranscriptionRequest = {
  does: keyof typeof doors;
  form: MultipartForm;
  isStream: boolean;
  /** Of the recording, as it tells it. */
  seconds: number;
};

export class TranscriptionExchange implements Exchange {
  readonly #request: TranscriptionRequest;
  readonly #door: Door;

  constructor(request: TranscriptionRequest) {
    this.#request = request;
    this.#door = doors[request.does];
  }

  whyNot(upstream: Upstream): string | undefined {
    return whyNotServed(upstream, this.#door);
  }

  async send(upstream: Upstream, options: SendOptions): Promise<Response> {
    const { form, isStream } = this.#request;
    const response = await putAsSent(upstream, this.#door, { sent: { form }, options });
    if (!isStream) return response;
    return await eventsOrWhole(upstream, response, (body) => [{ ...body, type: LAST_EVENT }]);
  }

  readStream(_upstream: Upstream): AnswerReader {
    return new EventTap({
      isEnd: (type) => type === LAST_EVENT,
      usageIn: readTranscriptionUsage,
      counted: (_ends, textBytes) => countedTranscription(this.#request.seconds, textBytes),
    });
  }

  /** JSON, or a text that holds nothing but the words and their times. */
  async readWhole(upstream: Upstream, response: Response): Promise<WholeAnswer> {
    const format = fieldIn(this.#request.form, "response_format") ?? "json";
    const isJson = format.endsWith("json");
    const { bytes, body } = isJson
      ? await readAnswer(upstream, response)
      : { bytes: await readText(upstream, response), body: {} };
    const { text } = body;
    const textBytes = typeof text === "string" ? Buffer.byteLength(text) : bytes.length;
    return {
      bytes,
      usage: readTranscriptionUsage(body),
      countedOutputTokens: 0,
      counted: countedTranscription(this.#request.seconds, textBytes),
    };
  }
}

/** Some answer every request with JSON: an error among it must not pass for a transcript. */
async function readText(upstream: Upstream, response: Response): Promise<Uint8Array> {
  const bytes = await readBody(upstream, response, { bytesMax: TEXT_BYTES_MAX });
  const isObject = bytes[0] === 0x7b;
  const body = isObject ? parseRecord(Buffer.from(bytes).toString()) : undefined;
  if (!isError(body?.["error"])) return bytes;
  throw failureFromErrorObject(upstream, body?.["error"]);
}

/**
 * Tokens or seconds by OpenAI's `usage.type`; seconds of sound beside tokens (Mistral); the length of the recording
 * where nothing else is told (Groq, whisper servers).
 */
export function readTranscriptionUsage(body: Record<string, unknown>): ReadUsage | undefined {
  const usage = recordIn(body["usage"]);
  const seconds =
    countIn(usage["seconds"]) ?? countIn(usage["prompt_audio_seconds"]) ?? countIn(lengthIn(body));
  const tokens = usage["type"] === "duration" ? undefined : readTokens(usage, "output_text");
  if (seconds === undefined && tokens === undefined) return undefined;
  return {
    quantities: { ...tokens, ...quantitiesOf({ audio_seconds: seconds }) },
    raw: body["usage"] ?? { duration: body["duration"] },
  };
}

/** A number, or a text that holds one. */
const lengthIn = ({ duration }: Record<string, unknown>): number | undefined =>
  duration === undefined || duration === null ? undefined : Number(duration);

export const countedTranscription = (seconds: number, textBytes: number): Quantities[] => [
  { audio_seconds: Math.ceil(seconds) },
  {
    audio_input: Math.ceil(seconds * TOKENS_PER_SECOND),
    output_text: tokensForBytes(textBytes),
  },
];
