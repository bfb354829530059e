/** Arbitrary neutral prompts: conversations as clients have them, and wishes of every kind. */
import fc from "fast-check";
import type {
  AssistantPart,
  Prompt,
  PromptMessage,
  ReasoningPart,
  ResponseFormat,
  TextPart,
  Tool,
  ToolCallPart,
  UserPart,
} from "../../src/providers/neutral/prompt.ts";

const words = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((text) => text.trim() !== ""),
  fc.constantFrom("Hello", "Zażółć 🦊", '{"a":1}', "data: [DONE]", "\u2028."),
);
const name = fc.stringMatching(/^[a-z][a-z_]{0,11}$/);
const id = fc.stringMatching(/^[A-Za-z0-9]{8,16}$/);
const base64 = fc.constantFrom("aGVsbG8=", "iVBORw0KGgo=");

/** A field that is left out more often than not. */
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { freq: 2, nil: undefined });

/** Without what is undefined. */
const compact = <Fields extends object>(fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields;

const textPart: fc.Arbitrary<TextPart> = words.map((text) => ({ type: "text", text }));

const mediaPart: fc.Arbitrary<UserPart> = fc.oneof(
  fc.webUrl().map((url) => ({ type: "image" as const, source: { url } })),
  base64.map((data) => ({ type: "image" as const, source: { data, mediaType: "image/png" } })),
  fc.record({ data: base64, filename: fc.constant("a.pdf") }).map(({ data, filename }) => ({
    type: "file" as const,
    source: { data, mediaType: "application/pdf" },
    filename,
  })),
);
const soundPart: fc.Arbitrary<UserPart> = base64.map((data) => ({
  type: "audio",
  data,
  format: "wav",
}));

const thought: fc.Arbitrary<ReasoningPart> = fc.oneof(
  fc.record({ text: words, signature: id }).map((seal) => ({
    type: "reasoning" as const,
    ...seal,
    sealedBy: "anthropic-messages" as const,
  })),
  fc.record({ encrypted: id, id }).map((seal) => ({
    type: "reasoning" as const,
    text: "",
    ...seal,
    sealedBy: "openai-responses" as const,
  })),
);

const call: fc.Arbitrary<ToolCallPart> = fc
  .record({ id, name, city: words })
  .map(({ city, ...rest }) => ({
    type: "tool_call",
    ...rest,
    arguments: JSON.stringify({ city }),
  }));

/** What a user says, what is answered, and what the tools say that were called. */
const turn: fc.Arbitrary<PromptMessage[]> = fc
  .record({
    asked: fc.array(fc.oneof(textPart, textPart, mediaPart, fc.oneof(textPart, soundPart)), {
      minLength: 1,
      maxLength: 3,
    }),
    thoughts: fc.array(thought, { maxLength: 1 }),
    said: fc.array(textPart, { maxLength: 1 }),
    calls: fc.uniqueArray(call, { maxLength: 2, selector: ({ id: callId }) => callId }),
    results: fc.tuple(words, words),
  })
  .map(({ asked, thoughts, said, calls, results }) => {
    // Thoughts alone are no answer.
    const spoken =
      said.length + calls.length === 0 ? [{ type: "text" as const, text: "Yes." }] : said;
    const parts: AssistantPart[] = [...thoughts, ...spoken, ...calls];
    const user: PromptMessage = { role: "user", parts: asked };
    const told: PromptMessage[] =
      calls.length === 0
        ? []
        : [
            {
              role: "tool",
              parts: calls.map(({ id: callId }, at) => ({
                type: "tool_result" as const,
                callId,
                parts: [{ type: "text" as const, text: results[at % 2] ?? "" }],
              })),
            },
          ];
    return [user, { role: "assistant", parts }, ...told];
  });

const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

const tool: fc.Arbitrary<Tool> = fc
  .record({ name, description: maybe(words), strict: maybe(fc.constant(true)) })
  .map((fields) => compact({ ...fields, parameters: schema }) as Tool);

const responseFormat: fc.Arbitrary<ResponseFormat> = fc.oneof(
  fc.constant<ResponseFormat>({ type: "json" }),
  fc
    .record({ name, description: maybe(words) })
    .map(
      (fields) =>
        compact({ type: "json_schema", ...fields, schema, strict: true }) as ResponseFormat,
    ),
);

const wishes = fc.record({
  temperature: fc.constantFrom(0, 0.5, 1, 1.5),
  topP: fc.constantFrom(0.1, 1),
  topK: fc.constantFrom(1, 40),
  presencePenalty: fc.constantFrom(0.5, -1),
  frequencyPenalty: fc.constantFrom(0.5, -1),
  seed: fc.nat(),
  stop: fc.array(words, { minLength: 1, maxLength: 2 }),
  choices: fc.constantFrom(2, 3),
  topLogprobs: fc.constantFrom(0, 3),
  verbosity: fc.constantFrom("low" as const, "high" as const),
  serviceTier: fc.constantFrom("auto", "default", "flex", "priority"),
  user: id,
  metadata: fc.constant({ team: "red" }),
  cacheKey: id,
  reasoning: fc.record({ effort: fc.constantFrom("none", "low", "medium", "high") }),
  responseFormat,
  extra: fc.constant({ future_field: { deep: [1, null] } }),
});

/** Few at once: most prompts should be sayable in every dialect. */
const fewWishes = wishes.chain((all) =>
  fc
    .subarray(Object.entries(all), { maxLength: 2 })
    .map((chosen): Partial<typeof all> => Object.fromEntries(chosen)),
);

export const somePrompt: fc.Arbitrary<Prompt> = fc
  .record({
    system: fc.array(textPart, { maxLength: 2 }),
    turns: fc.array(turn, { minLength: 1, maxLength: 3 }),
    last: textPart,
    tools: fc.uniqueArray(tool, { maxLength: 2, selector: (one) => one.name }),
    toolChoice: maybe(fc.constantFrom("auto" as const, "none" as const, "required" as const)),
    parallelToolCalls: maybe(fc.boolean()),
    wishes: fewWishes,
    stream: fc.boolean(),
  })
  .map(({ system, turns, last, tools, toolChoice, parallelToolCalls, wishes: wished, stream }) => ({
    messages: [
      ...(system.length === 0 ? [] : [{ role: "system" as const, parts: system }]),
      ...turns.flat(),
      { role: "user" as const, parts: [last] },
    ],
    tools,
    ...(tools.length === 0 ? {} : compact({ toolChoice, parallelToolCalls })),
    stream,
    extra: {},
    ...wished,
  })) as fc.Arbitrary<Prompt>;
