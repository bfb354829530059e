/** The neutral answer → a chat completion for a client. */
import type { ChatCompletion, ChatCompletionMessage } from "openai/resources/chat/completions";
import type { JsonObject } from "../../../lib/json.ts";
import type {
  Annotation,
  AnswerFacts,
  AnswerPart,
  Choice,
  NeutralAnswer,
} from "../../neutral/answer.ts";
import { fromFinishReason } from "./finish-reasons.ts";
import { toReasoningDetails } from "./reasoning-details.ts";
import { writeUsage } from "./write-usage.ts";

/** What OpenAI documents, and what other servers have made common beside it. */
type Message = ChatCompletionMessage & {
  reasoning_content?: string;
  reasoning_details?: JsonObject[];
};
type Completion = Omit<ChatCompletion, "choices"> & {
  choices: (Omit<ChatCompletion.Choice, "message"> & { message: Message })[];
};

export function encodeAnswer(answer: NeutralAnswer, facts: AnswerFacts): Completion {
  return {
    ...headOf("chat.completion", answer, facts),
    choices: answer.choices.map(toChoice),
    ...(answer.usage === undefined ? {} : { usage: writeUsage(answer.usage) }),
  };
}

/** What whole answers and every chunk of a stream begin with. */
export function headOf<Kind extends string>(
  object: Kind,
  { id, createdS, serviceTier }: Omit<NeutralAnswer, "choices">,
  facts: AnswerFacts,
) {
  return {
    id: id ?? `chatcmpl-${facts.requestId}`,
    object,
    created: createdS ?? facts.createdS,
    model: facts.model,
    ...serviceTierOf(serviceTier),
  };
}

const serviceTiers = ["auto", "default", "flex", "scale", "priority"] as const;

/** Where the provider's word is one of OpenAI's. */
function serviceTierOf(tier: string | undefined): { service_tier?: (typeof serviceTiers)[number] } {
  const known = serviceTiers.find((name) => name === tier);
  return known === undefined ? {} : { service_tier: known };
}

function toChoice({ parts, reason }: Choice, index: number) {
  const { reasoning, texts, refusals, calls } = sortParts(parts);
  const refusal = refusals.map(({ text }) => text).join("");
  return {
    index,
    message: {
      role: "assistant" as const,
      content: texts.length === 0 ? null : texts.map(({ text }) => text).join(""),
      refusal: refusals.length === 0 ? null : refusal,
      ...thoughts(reasoning),
      ...annotationsOf(texts),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map(toCall) }),
    },
    logprobs: logprobsOf(texts, refusals),
    finish_reason: fromFinishReason(reason, refusals.length > 0),
  };
}

type Of<Type extends AnswerPart["type"]> = Extract<AnswerPart, { type: Type }>;

function sortParts(parts: readonly AnswerPart[]) {
  return {
    reasoning: parts.filter((part): part is Of<"reasoning"> => part.type === "reasoning"),
    texts: parts.filter((part): part is Of<"text"> => part.type === "text"),
    refusals: parts.filter((part): part is Of<"refusal"> => part.type === "refusal"),
    calls: parts.filter((part): part is Of<"tool_call"> => part.type === "tool_call"),
  };
}

/**
 * OpenAI shows no thoughts in this API. The servers that do, and the clients that read them, agree on the first name;
 * the second has what a client must send back.
 */
function thoughts(
  parts: readonly Of<"reasoning">[],
): Pick<Message, "reasoning_content" | "reasoning_details"> {
  const text = parts.map((part) => part.text).join("");
  return {
    ...(text === "" ? {} : { reasoning_content: text }),
    ...(parts.length === 0 ? {} : { reasoning_details: toReasoningDetails(parts) }),
  };
}

const toCall = ({ id, name, arguments: text }: Of<"tool_call">) => ({
  id,
  type: "function" as const,
  function: { name, arguments: text },
});

function annotationsOf(texts: readonly Of<"text">[]) {
  let before = 0;
  const annotations = texts.flatMap((part) => {
    const shifted = (part.annotations ?? []).map((annotation) => toAnnotation(annotation, before));
    before += part.text.length;
    return shifted;
  });
  return annotations.length === 0 ? {} : { annotations };
}

/** `before`: the characters of the texts before this one, which are one text here. */
export function toAnnotation({ url, title, start, end }: Annotation, before: number) {
  return {
    type: "url_citation" as const,
    url_citation: {
      url,
      title: title ?? "",
      start_index: before + (start ?? 0),
      end_index: before + (end ?? 0),
    },
  };
}

function logprobsOf(texts: readonly Of<"text">[], refusals: readonly Of<"refusal">[]) {
  const content = texts.flatMap((part) => part.logprobs ?? []);
  const refusal = refusals.flatMap((part) => part.logprobs ?? []);
  if (content.length === 0 && refusal.length === 0) return null;
  return {
    content: content.length === 0 ? null : content,
    refusal: refusal.length === 0 ? null : refusal,
  };
}
