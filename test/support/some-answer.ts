/** Arbitrary neutral answers, for properties of everything that tells or translates them. */
import fc from "fast-check";
import type {
  AnswerPart,
  Choice,
  NeutralAnswer,
  TokenLogprob,
} from "../../src/providers/neutral/answer.ts";

const text = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
  fc.constantFrom("Hello", " wörld 🦊", "data: x\n\ndata: [DONE]\n\n", '"\\', "\u2028"),
);
const name = fc.stringMatching(/^[a-z_]{1,12}$/);
const id = fc.stringMatching(/^[A-Za-z0-9_]{4,24}$/);
const optional = { requiredKeys: [] };

const likely = { token: text, logprob: fc.integer({ min: -20, max: 0 }), bytes: fc.constant(null) };
const logprob: fc.Arbitrary<TokenLogprob> = fc.record({
  ...likely,
  top_logprobs: fc.array(fc.record(likely), { maxLength: 2 }),
});
const logprobs = fc.array(logprob, { minLength: 1, maxLength: 3 });

const textPart: fc.Arbitrary<AnswerPart> = fc
  .record({
    text,
    cited: fc.option(fc.array(fc.webUrl(), { minLength: 1, maxLength: 2 })),
    logprobs: fc.option(logprobs),
  })
  .map(({ text: said, cited, logprobs: likelihoods }) => ({
    type: "text",
    text: said,
    ...(cited === null
      ? {}
      : {
          annotations: cited.map((url) => ({ url, title: "A page", start: 0, end: said.length })),
        }),
    ...(likelihoods === null ? {} : { logprobs: likelihoods }),
  }));

/** As providers seal their thoughts, or leave them open. */
const reasoningPart: fc.Arbitrary<AnswerPart> = fc.oneof(
  fc.record({ text }).map((thought) => ({ type: "reasoning" as const, ...thought })),
  fc.record({ text, signature: id }).map((thought) => ({
    type: "reasoning" as const,
    ...thought,
    sealedBy: "anthropic-messages" as const,
  })),
  fc.record({ encrypted: id }).map((seal) => ({
    type: "reasoning" as const,
    text: "",
    ...seal,
    sealedBy: "anthropic-messages" as const,
  })),
  fc.record({ text: fc.oneof(text, fc.constant("")), encrypted: id, id }).map((thought) => ({
    type: "reasoning" as const,
    ...thought,
    sealedBy: "openai-responses" as const,
  })),
);

const callPart: fc.Arbitrary<AnswerPart> = fc
  .record({ id, name, city: text })
  .map(({ city, ...call }) => ({
    type: "tool_call",
    ...call,
    arguments: JSON.stringify({ city }),
  }));

const refusalPart: fc.Arbitrary<AnswerPart> = text.map((said) => ({ type: "refusal", text: said }));

const part = fc.oneof(textPart, reasoningPart, callPart, refusalPart);

const choice: fc.Arbitrary<Choice> = fc
  .record({
    parts: fc.array(part, { maxLength: 5 }),
    reason: fc.constantFrom(
      "stop",
      "length",
      "tool_calls",
      "content_filter",
      "refusal",
      "pause",
      "other",
    ),
    stopSequence: fc.option(text),
  })
  .map(({ parts, reason, stopSequence }) => ({
    parts: refusingLast(parts),
    reason,
    ...(stopSequence === null || reason !== "stop" ? {} : { stopSequence }),
  }));

/** Who refuses says nothing more. */
function refusingLast(parts: AnswerPart[]): AnswerPart[] {
  const refusal = parts.find(({ type }) => type === "refusal");
  const others = parts.filter(({ type }) => type !== "refusal");
  return refusal === undefined ? others : [...others, refusal];
}

const quantities = fc.record(
  {
    uncached_input: fc.integer({ min: 1, max: 1_000 }),
    cache_read: fc.integer({ min: 1, max: 1_000 }),
    cache_write: fc.integer({ min: 1, max: 1_000 }),
    output_text: fc.integer({ min: 1, max: 1_000 }),
    reasoning: fc.integer({ min: 1, max: 1_000 }),
  },
  optional,
);

const facts = fc.record(
  { id, model: name, createdS: fc.integer({ min: 1, max: 2_000_000_000 }), serviceTier: name },
  optional,
);

export const someAnswer = someAnswerOf({ choicesMin: 0, choicesMax: 3 });

export function someAnswerOf(bounds: {
  choicesMin: number;
  choicesMax: number;
}): fc.Arbitrary<NeutralAnswer> {
  const choices = fc.array(choice, { minLength: bounds.choicesMin, maxLength: bounds.choicesMax });
  return fc
    .record({ facts, choices, quantities: fc.option(quantities) })
    .map(({ facts: known, choices: chosen, quantities: used }) => ({
      ...known,
      choices: chosen,
      ...(used === null ? {} : { usage: { quantities: used, raw: { used } } }),
    }));
}
