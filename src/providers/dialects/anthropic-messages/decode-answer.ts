/** A whole message → the neutral answer. Lenient: what a provider leaves out is not known. */
import type { JsonObject } from "../../../lib/json.ts";
import type { Annotation, AnswerPart, NeutralAnswer } from "../../neutral/answer.ts";
import { isRecord, listIn } from "../openai-chat/wire.ts";
import { toFinishReason } from "./stop-reasons.ts";
import { fromThinking } from "./thinking-blocks.ts";
import { toUsage } from "./usage.ts";

export function decodeAnswer(body: JsonObject): NeutralAnswer {
  const usage = toUsage(body["usage"]);
  return {
    ...factsIn(body),
    choices: [{ parts: listIn(body["content"]).flatMap(toPart), ...finishIn(body) }],
    ...(usage === undefined ? {} : { usage }),
  };
}

export function factsIn(message: JsonObject): Pick<NeutralAnswer, "id" | "model" | "serviceTier"> {
  const { id, model, usage } = message;
  const tier = isRecord(usage) ? usage["service_tier"] : undefined;
  return {
    ...(textIn(id) === "" ? {} : { id: textIn(id) }),
    ...(textIn(model) === "" ? {} : { model: textIn(model) }),
    ...(textIn(tier) === "" ? {} : { serviceTier: textIn(tier) }),
  };
}

/** Of a message, and of the `delta` at the end of a stream. */
export function finishIn({ stop_reason, stop_sequence }: JsonObject) {
  return {
    reason: toFinishReason(textIn(stop_reason)),
    ...(textIn(stop_sequence) === "" ? {} : { stopSequence: textIn(stop_sequence) }),
  };
}

/** Nothing for what only Anthropic's own tools write: nobody who speaks another dialect could have asked for them. */
function toPart(block: JsonObject): AnswerPart[] {
  switch (block["type"]) {
    case "text": {
      const annotations = listIn(block["citations"]).flatMap(toAnnotation);
      const text = textIn(block["text"]);
      if (text === "") return [];
      return [{ type: "text", text, ...(annotations.length === 0 ? {} : { annotations }) }];
    }
    case "thinking":
    case "redacted_thinking":
      return [toReasoning(block)];
    case "tool_use": {
      const id = textIn(block["id"]);
      return [
        { type: "tool_call", id, name: textIn(block["name"]), arguments: argumentsIn(block) },
      ];
    }
    default:
      return [];
  }
}

export function toReasoning(block: JsonObject) {
  if (block["type"] === "redacted_thinking") {
    return fromThinking({ type: "redacted_thinking", data: textIn(block["data"]) });
  }
  const [thinking, signature] = [textIn(block["thinking"]), textIn(block["signature"])];
  return fromThinking({ type: "thinking", thinking, signature });
}

const argumentsIn = ({ input }: JsonObject): string => JSON.stringify(input ?? {});

/** Citations of what the prompt brought along name no address, and are left out: only this dialect can ask for them. */
export function toAnnotation(citation: JsonObject): Annotation[] {
  const { url, title } = citation;
  if (typeof url !== "string") return [];
  return [{ url, ...(typeof title === "string" ? { title } : {}) }];
}

export function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}
