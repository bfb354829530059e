import { measureAudio } from "../../lib/audio/audio-length.ts";
import { Failure } from "../../lib/errors.ts";
import {
  eventPart,
  isOn,
  JSON_TYPE,
  jsonPart,
  type OperationRequest,
  type PlannedOperation,
  SSE_TYPE,
  tokensIn,
} from "./operation.ts";

const TOKENS_PER_SECOND = 10;
/** A segment of a transcript with times. */
const SEGMENT_WORDS = 5;

type Transcript = { text: string; seconds: number; language: string; words: string[] };

export const planTranscription = (request: OperationRequest): PlannedOperation =>
  plan(request, "transcribe");
export const planTranslation = (request: OperationRequest): PlannedOperation =>
  plan(request, "translate");

/** Says how long the recording is, which it reads from the file, unless the script has another text. */
function plan(request: OperationRequest, task: string): PlannedOperation {
  const { files, fields, script } = request;
  const file = files.find(({ name }) => name === "file");
  if (file === undefined) {
    throw new Failure("invalid", "file must be a recording.", { param: "file" });
  }
  const { seconds } = measureAudio(file.bytes);
  const text = script.answer ?? `The recording is ${seconds.toFixed(1)} seconds long.`;
  const language = task === "translate" ? "english" : String(fields["language"] ?? "english");
  const transcript = { text, seconds, language, words: text.split(" ") };
  const heard = Math.ceil(seconds);
  const prompt = typeof fields["prompt"] === "string" ? tokensIn(fields["prompt"]) : 0;
  const audio = script.prompt_tokens ?? Math.ceil(seconds * TOKENS_PER_SECOND);
  const output = script.completion_tokens ?? tokensIn(text);
  const begun = {
    input: prompt + audio,
    quantities: { audio_seconds: heard, uncached_input: prompt, audio_input: audio },
  };
  const byTokens = {
    type: "tokens",
    input_tokens: prompt + audio,
    input_token_details: { text_tokens: prompt, audio_tokens: audio },
    output_tokens: output,
    total_tokens: prompt + audio + output,
  };
  const usage = script.usage_by === "tokens" ? byTokens : { type: "duration", seconds: heard };
  const told = script.omit_usage === true ? {} : { usage };
  const used = { output, quantities: { output_text: output } };
  if (isOn(fields["stream"])) return stream(transcript, { begun, output, told });
  const { contentType, body } = write(transcript, fields["response_format"] ?? "json", {
    told,
    task,
  });
  const part = typeof body === "string" ? { bytes: Buffer.from(body), used } : jsonPart(body, used);
  return { contentType, begun, parts: [part], isStream: false };
}

function stream(
  { text, words }: Transcript,
  planned: Pick<PlannedOperation, "begun"> & { output: number; told: object },
): PlannedOperation {
  const { begun, output, told } = planned;
  const parts = words.map((word, at) => {
    const tokens =
      Math.floor((output * (at + 1)) / words.length) - Math.floor((output * at) / words.length);
    const delta = at === 0 ? word : ` ${word}`;
    return eventPart(
      { type: "transcript.text.delta", delta },
      { output: tokens, quantities: { output_text: tokens } },
    );
  });
  const done = eventPart({ type: "transcript.text.done", text, ...told });
  return { contentType: SSE_TYPE, begun, parts: [...parts, done], isStream: true };
}

function write(
  transcript: Transcript,
  format: unknown,
  { told, task }: { told: object; task: string },
): { contentType: string; body: string | object } {
  const { text, seconds, language } = transcript;
  const segments = segmentsOf(transcript);
  switch (format) {
    case "text":
      return { contentType: "text/plain; charset=utf-8", body: `${text}\n` };
    case "srt":
      return { contentType: "text/plain; charset=utf-8", body: captions(segments, ",") };
    case "vtt":
      return { contentType: "text/vtt", body: `WEBVTT\n\n${captions(segments, ".")}` };
    case "verbose_json":
      return {
        contentType: JSON_TYPE,
        body: { task, language, duration: seconds, text, segments, ...told },
      };
    default:
      return { contentType: JSON_TYPE, body: { text, ...told } };
  }
}

type Segment = { id: number; start: number; end: number; text: string };

function segmentsOf({ words, seconds }: Transcript): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at < words.length; at += SEGMENT_WORDS) {
    const end = Math.min(at + SEGMENT_WORDS, words.length);
    segments.push({
      id: segments.length,
      start: (seconds * at) / words.length,
      end: (seconds * end) / words.length,
      text: words.slice(at, end).join(" "),
    });
  }
  return segments;
}

/** SRT and WebVTT differ by their decimal point. */
const captions = (segments: Segment[], point: string): string =>
  segments
    .map(
      ({ id, start, end, text }) =>
        `${id + 1}\n${timeOf(start, point)} --> ${timeOf(end, point)}\n${text}\n`,
    )
    .join("\n");

function timeOf(seconds: number, point: string): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const ms = String(Math.floor((seconds % 1) * 1_000)).padStart(3, "0");
  return `${two(seconds / 3_600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}${point}${ms}`;
}
