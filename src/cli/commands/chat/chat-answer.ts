/** One streamed answer of the data plane, read frame by frame. Lenient: providers add fields of their own. */
import { z } from "zod";
import { Failure } from "../../../lib/errors.ts";
import { readFrame as readSseFrame, SseSplitter } from "../../../lib/sse.ts";

/** No honest frame of text comes near this; a tool call with a document in it may. */
const FRAME_BYTES_MAX = 16 * 1024 * 1024;

const Usage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  prompt_tokens_details: z.object({ cached_tokens: z.int().nullish() }).nullish(),
});

const Frame = z.object({
  model: z.string().nullish(),
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish() }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .nullish(),
  usage: Usage.nullish(),
  error: z.object({ message: z.string() }).nullish(),
});

export type ChatUsage = {
  readonly input_tokens: number;
  readonly cached_input_tokens: number;
  readonly output_tokens: number;
};

export type ChatAnswer = {
  readonly content: string;
  readonly model: string | null;
  readonly finish_reason: string | null;
  readonly usage: ChatUsage | null;
  /** What the gateway says at the end, after the settlement, such as `x-baseload-cost`. */
  readonly trailers: Readonly<Record<string, string>>;
};

type Draft = { -readonly [Field in keyof ChatAnswer]: ChatAnswer[Field] } & {
  trailers: Record<string, string>;
};

/** Hands each piece of text on as it comes. */
export async function readChatAnswer(
  stream: AsyncIterable<Uint8Array>,
  onText: (text: string) => void,
): Promise<ChatAnswer> {
  const answer: Draft = {
    content: "",
    model: null,
    finish_reason: null,
    usage: null,
    trailers: {},
  };
  const splitter = new SseSplitter({ frameBytesMax: FRAME_BYTES_MAX });
  for await (const chunk of stream) {
    for (const frame of splitter.take(chunk)) readFrame(frame, answer, onText);
  }
  const rest = splitter.end();
  if (rest !== undefined) readFrame(rest, answer, onText);
  return answer;
}

function readFrame(bytes: Uint8Array, answer: Draft, onText: (text: string) => void): void {
  Object.assign(answer.trailers, trailersIn(bytes));
  const { data } = readSseFrame(bytes);
  if (data === undefined || data === "[DONE]") return;
  const frame = Frame.safeParse(parseJson(data));
  if (!frame.success) {
    throw new Failure("upstream", "The stream holds a frame that is no chat answer; it was cut.", {
      cause: frame.error,
    });
  }
  const { model, choices, usage, error } = frame.data;
  if (error) throw new Failure("upstream", `The answer broke off: ${error.message}`);
  if (model) answer.model = model;
  if (usage) answer.usage = toUsage(usage);
  const choice = choices?.[0];
  if (choice?.finish_reason) answer.finish_reason = choice.finish_reason;
  const text = choice?.delta?.content ?? "";
  if (text === "") return;
  answer.content += text;
  onText(text);
}

const toUsage = (usage: z.infer<typeof Usage>): ChatUsage => ({
  input_tokens: usage.prompt_tokens,
  cached_input_tokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
  output_tokens: usage.completion_tokens,
});

/** `: x-baseload-cost: 0.000012` — comments, so that every other client passes them over. */
function trailersIn(bytes: Uint8Array): Record<string, string> {
  const COLON = 58;
  if (bytes[0] !== COLON) return {};
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\r|\n/);
  return Object.fromEntries(
    lines.flatMap((line) => {
      const match = /^:\s*(x-[a-z-]+)\s*[:=]?\s+(\S.*)$/.exec(line);
      return match === null ? [] : [[match[1] ?? "", (match[2] ?? "").trim()]];
    }),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
