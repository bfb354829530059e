/** Events → the whole answer they tell. */
import type { AnswerEvent, AnswerPart, Choice, FinishReason, NeutralAnswer } from "./answer.ts";

type OpenChoice = {
  parts: Map<number, AnswerPart>;
  reason: FinishReason;
  stopSequence?: string;
};

/** Of an answer that did not break off: an `error` event is the caller's to look at. */
export function fold(events: Iterable<AnswerEvent>): NeutralAnswer {
  const answer: NeutralAnswer = { choices: [] };
  const choices = new Map<number, OpenChoice>();
  for (const event of events) {
    if (event.type === "begin") beginWith(answer, event);
    else if (event.type === "usage") answer.usage = event.usage;
    else if (event.type !== "error") take(openChoice(choices, event.choice), event);
  }
  answer.choices = inOrder(choices).map(toChoice);
  return answer;
}

function beginWith(
  answer: NeutralAnswer,
  { type: _, ...facts }: Extract<AnswerEvent, { type: "begin" }>,
): void {
  Object.assign(answer, facts);
}

function openChoice(choices: Map<number, OpenChoice>, index: number): OpenChoice {
  const open = choices.get(index) ?? { parts: new Map(), reason: "other" };
  choices.set(index, open);
  return open;
}

type ChoiceEvent = Extract<AnswerEvent, { choice: number }>;
type PartEvent = Extract<AnswerEvent, { part: number }>;

function take(choice: OpenChoice, event: ChoiceEvent): void {
  if (event.type === "finish") {
    choice.reason = event.reason;
    if (event.stopSequence !== undefined) choice.stopSequence = event.stopSequence;
    return;
  }
  const part = choice.parts.get(event.part) ?? newPart(event);
  choice.parts.set(event.part, part);
  addTo(part, event);
}

function newPart(event: PartEvent): AnswerPart {
  switch (event.type) {
    case "tool_call_begin":
    case "tool_call_arguments": {
      const { id, name } = { id: "", name: "", ...event };
      return { type: "tool_call", id, name, arguments: "" };
    }
    case "reasoning":
    case "reasoning_end":
      return { type: "reasoning", text: "" };
    case "refusal":
      return { type: "refusal", text: "" };
    default:
      return { type: "text", text: "" };
  }
}

function addTo(part: AnswerPart, event: PartEvent): void {
  if ("delta" in event) addText(part, event.delta);
  else if (event.type === "reasoning_end") {
    const { type: _, choice: __, part: ___, ...seals } = event;
    Object.assign(part, seals);
  } else if (event.type === "annotation" && part.type === "text") {
    part.annotations ??= [];
    part.annotations.push(event.annotation);
  } else if (event.type === "logprobs" && "text" in part && part.type !== "reasoning") {
    part.logprobs ??= [];
    part.logprobs.push(...event.logprobs);
  }
}

function addText(part: AnswerPart, delta: string): void {
  if (part.type === "tool_call") part.arguments += delta;
  else part.text += delta;
}

function toChoice({ parts, reason, stopSequence }: OpenChoice): Choice {
  return { parts: inOrder(parts), reason, ...(stopSequence === undefined ? {} : { stopSequence }) };
}

function inOrder<T>(byIndex: Map<number, T>): T[] {
  return [...byIndex].sort(([a], [b]) => a - b).map(([, value]) => value);
}
