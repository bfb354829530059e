/** The neutral answer → a whole message, for a client. */
import type { JsonObject } from "../../../lib/json.ts";
import type { Quantities } from "../../../lib/quantities.ts";
import type { Annotation, AnswerFacts, AnswerPart, NeutralAnswer } from "../../neutral/answer.ts";
import { countedTokensOf } from "../../neutral/counted-output.ts";
import { isRecord } from "../openai-chat/wire.ts";
import { toInput } from "./encode-messages.ts";
import { fromFinishReason } from "./stop-reasons.ts";
import { toThinking } from "./thinking-blocks.ts";
import { writeUsage } from "./usage.ts";

export function encodeAnswer(answer: NeutralAnswer, facts: AnswerFacts): JsonObject {
  const [choice] = answer.choices;
  const reason = choice?.reason ?? "other";
  const isOmitted = hidesThoughts(facts);
  return {
    ...messageHead(answer, facts),
    content: (choice?.parts ?? []).map((part) => toBlock(part, isOmitted)),
    stop_reason: fromFinishReason(reason, choice?.stopSequence),
    stop_sequence: choice?.stopSequence ?? null,
    usage: writeUsage(answer.usage?.quantities ?? countedOnly(countedTokensOf(answer))),
  };
}

/** The dialect cannot say that usage is unknown. What is not known is our estimate here, as it is on the bill. */
export const countedOnly = (outputTokens: number): Quantities => ({ output_text: outputTokens });

export function messageHead(
  { id, model }: Pick<NeutralAnswer, "id" | "model">,
  facts: AnswerFacts,
): JsonObject {
  return {
    id: id?.startsWith("msg_") === true ? id : `msg_${facts.requestId.replace(/^req_/, "")}`,
    type: "message",
    role: "assistant",
    model: model ?? facts.model,
  };
}

export function hidesThoughts({ request }: AnswerFacts): boolean {
  return isRecord(request["thinking"]) && request["thinking"]["display"] === "omitted";
}

function toBlock(part: AnswerPart, isOmitted: boolean): JsonObject {
  switch (part.type) {
    case "text": {
      const citations = part.annotations?.map(toCitation) ?? null;
      return { type: "text", text: part.text, citations };
    }
    case "refusal":
      return { type: "text", text: part.text, citations: null };
    case "reasoning":
      return toThinking(part, { isOmitted });
    case "tool_call": {
      const { id, name, arguments: text } = part;
      return { type: "tool_use", id, name, input: toInput(text) };
    }
  }
}

/** What was cited and the seal of the citation are only known to the provider that searched. */
export function toCitation({ url, title }: Annotation): JsonObject {
  return {
    type: "web_search_result_location",
    url,
    title: title ?? null,
    cited_text: "",
    encrypted_index: "",
  };
}
