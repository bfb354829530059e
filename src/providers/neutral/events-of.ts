/** A whole answer as the events that would have told it. */
import type { AnswerEvent, AnswerPart, Choice, NeutralAnswer } from "./answer.ts";

export function eventsOf(answer: NeutralAnswer): AnswerEvent[] {
  const { choices, usage, ...facts } = answer;
  return [
    { type: "begin", ...facts },
    ...choices.flatMap(eventsOfChoice),
    ...(usage === undefined ? [] : [{ type: "usage", usage } as const]),
  ];
}

function eventsOfChoice({ parts, reason, stopSequence }: Choice, choice: number): AnswerEvent[] {
  return [
    ...parts.flatMap((part, index) => eventsOfPart(part, { choice, part: index })),
    {
      type: "finish",
      choice,
      reason,
      ...(stopSequence === undefined ? {} : { stopSequence }),
    },
  ];
}

type Place = { choice: number; part: number };

function eventsOfPart(part: AnswerPart, at: Place): AnswerEvent[] {
  switch (part.type) {
    case "text":
      return [
        { type: "text", ...at, delta: part.text },
        ...logprobsOf(part, at),
        ...(part.annotations ?? []).map(
          (annotation): AnswerEvent => ({ type: "annotation", ...at, annotation }),
        ),
      ];
    case "refusal":
      return [{ type: "refusal", ...at, delta: part.text }, ...logprobsOf(part, at)];
    case "reasoning": {
      const { type: _, text, ...seals } = part;
      const end: AnswerEvent = { type: "reasoning_end", ...at, ...seals };
      return text === "" ? [end] : [{ type: "reasoning", ...at, delta: text }, end];
    }
    case "tool_call":
      return [
        { type: "tool_call_begin", ...at, id: part.id, name: part.name },
        { type: "tool_call_arguments", ...at, delta: part.arguments },
      ];
  }
}

function logprobsOf(part: Extract<AnswerPart, { text: string }>, at: Place): AnswerEvent[] {
  if (!("logprobs" in part) || part.logprobs === undefined) return [];
  return [{ type: "logprobs", ...at, logprobs: part.logprobs }];
}
