/**
 * Parts of a reply → OpenAI's answer, in one piece or as a stream of chunks.
 * https://platform.openai.com/docs/api-reference/chat/object
 */
import type { Finish, TokenCount } from "../engine/stream.ts";
import type { TokenLogprob } from "./logprobs.ts";
import type { ReplyPart } from "./reply.ts";

/** What every chunk of one answer repeats. */
export type AnswerHead = { id: string; created: number; model: string };

export type Usage = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
};

type Call = { id: string; type: "function"; function: { name: string; arguments: string } };
type Logprobs = { content: TokenLogprob[]; refusal: null } | null;

export type ChatCompletion = AnswerHead & {
  object: "chat.completion";
  choices: {
    index: number;
    message: {
      role: "assistant";
      content: string | null;
      refusal: null;
      tool_calls?: Call[];
    };
    logprobs: Logprobs;
    finish_reason: Finish;
  }[];
  usage: Usage;
};

type Delta = {
  role?: "assistant";
  content?: string;
  refusal?: null;
  tool_calls?: (Call & { index: number })[];
};

export type ChatCompletionChunk = AnswerHead & {
  object: "chat.completion.chunk";
  choices: { index: number; delta: Delta; logprobs: Logprobs; finish_reason: Finish | null }[];
  usage?: Usage | null;
};

export function toUsage(count: TokenCount): Usage {
  return {
    prompt_tokens: count.prompt,
    completion_tokens: count.completion,
    total_tokens: count.prompt + count.completion,
    prompt_tokens_details: { cached_tokens: count.cached },
  };
}

export function toAnswer(
  head: AnswerHead,
  parts: readonly ReplyPart[],
  end: { finish: Finish; count: TokenCount; logprobs: boolean },
): ChatCompletion {
  const texts = parts.filter((part) => part.kind === "text");
  const calls = parts.filter((part) => part.kind === "call");
  const content = texts.map((part) => part.text).join("");
  return {
    ...head,
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: content === "" && calls.length > 0 ? null : content,
          refusal: null,
          ...(calls.length === 0
            ? {}
            : {
                tool_calls: calls.map(({ id, name, arguments: written }) => ({
                  id,
                  type: "function",
                  function: { name, arguments: written },
                })),
              }),
        },
        logprobs: end.logprobs
          ? { content: texts.flatMap((part) => [...part.logprobs]), refusal: null }
          : null,
        finish_reason: end.finish,
      },
    ],
    usage: toUsage(end.count),
  };
}

/** Writes the chunks of one streamed answer. `usage`: the caller asked for it in a last chunk. */
export class ChunkWriter {
  readonly #head: AnswerHead;
  readonly #usage: boolean;

  constructor(head: AnswerHead, usage: boolean) {
    this.#head = head;
    this.#usage = usage;
  }

  begin(): string {
    return this.#chunk({ role: "assistant", content: "", refusal: null });
  }

  part(part: ReplyPart): string {
    if (part.kind === "text") {
      const logprobs =
        part.logprobs.length === 0 ? null : { content: [...part.logprobs], refusal: null };
      return this.#chunk({ content: part.text }, { logprobs });
    }
    const { index, id, name, arguments: written } = part;
    const call = { index, id, type: "function", function: { name, arguments: written } } as const;
    return this.#chunk({ tool_calls: [call] });
  }

  end(finish: Finish, count: TokenCount): string {
    const last = this.#chunk({}, { finish });
    return `${last}${this.#usage ? this.#usageChunk(count) : ""}data: [DONE]\n\n`;
  }

  #usageChunk(count: TokenCount): string {
    return frame({
      ...this.#head,
      object: "chat.completion.chunk",
      choices: [],
      usage: toUsage(count),
    });
  }

  #chunk(delta: Delta, rest: { finish?: Finish; logprobs?: Logprobs } = {}): string {
    const { finish = null, logprobs = null } = rest;
    return frame({
      ...this.#head,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, logprobs, finish_reason: finish }],
      ...(this.#usage ? { usage: null } : {}),
    });
  }
}

const frame = (chunk: ChatCompletionChunk): string => `data: ${JSON.stringify(chunk)}\n\n`;
