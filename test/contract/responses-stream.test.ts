/**
 * Every stream of the Responses API that leaves us keeps to its rules: those that we write, from any neutral answer,
 * and those that pass, from every recorded one.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { accumulateResponse } from "openai/lib/responses/ResponseAccumulator";
import type { Response, ResponseStreamEvent } from "openai/resources/responses/responses";
import { Failure } from "../../src/lib/errors.ts";
import { openAiResponses } from "../../src/providers/dialects/openai-responses/openai-responses.ts";
import { replay } from "../../src/providers/dialects/openai-responses/replay.ts";
import type { AnswerEvent, AnswerFacts } from "../../src/providers/neutral/answer.ts";
import { fold } from "../../src/providers/neutral/fold.ts";
import { someAnswer } from "../support/some-answer.ts";
import { someAnswerEvents } from "../support/some-answer-events.ts";
import { eventsIn, problemsOf, type StreamEvent } from "./responses-stream-rules.ts";

const facts: AnswerFacts = {
  requestId: "01980000-0000-7000-8000-000000000000",
  model: "ours",
  createdS: 1_790_000_000,
  request: { model: "ours", input: "Hi" },
};
const wantsSummary: AnswerFacts = {
  ...facts,
  request: { ...facts.request, reasoning: { effort: "low", summary: "auto" } },
};

function write(events: readonly AnswerEvent[], to: AnswerFacts): string {
  const encoder = openAiResponses.streamEncoder(to);
  return events.map((event) => encoder.take(event)).join("") + encoder.closing();
}

function responseAtTheEnd(events: readonly StreamEvent[]) {
  return events.at(-1)?.["response"] as Response & { output: unknown[] };
}

describe("a stream that we write", () => {
  test("keeps to the rules, whatever the model answers", () => {
    fc.assert(
      fc.property(someAnswerEvents, fc.boolean(), (events, summary) => {
        const wire = eventsIn(write(events, summary ? wantsSummary : facts));
        expect(problemsOf(wire)).toEqual([]);
      }),
    );
  });

  test("comes to the whole answer", () => {
    fc.assert(
      fc.property(someAnswerEvents, fc.boolean(), (events, summary) => {
        const to = summary ? wantsSummary : facts;
        const streamed = responseAtTheEnd(eventsIn(write(events, to)));
        const whole = openAiResponses.encodeAnswer(fold(events), to);
        expect(JSON.parse(JSON.stringify(whole))).toEqual(streamed);
      }),
    );
  });

  test("is put together by the SDK to the response at its end", () => {
    fc.assert(
      fc.property(someAnswerEvents, fc.boolean(), (events, summary) => {
        const wire = eventsIn(write(events, summary ? wantsSummary : facts));
        let snapshot: Response | undefined;
        for (const event of wire.slice(0, -1)) {
          snapshot = accumulateResponse(event as unknown as ResponseStreamEvent, snapshot);
        }
        expect<unknown>(snapshot?.output).toEqual(responseAtTheEnd(wire).output);
      }),
    );
  });

  test("says the same when it is read again", () => {
    fc.assert(
      fc.property(someAnswerEvents, (events) => {
        const decoder = openAiResponses.streamDecoder();
        const bytes = new TextEncoder().encode(write(events, facts));
        const again = fold([...decoder.take(bytes), ...decoder.end()]);
        expect(spoken(again)).toEqual(spoken(fold(events)));
        expect(decoder.done).toBe(true);
      }),
    );
  });

  test("tells an error in the middle, and ends with it", () => {
    fc.assert(
      fc.property(someAnswerEvents, fc.nat(30), (events, at) => {
        const encoder = openAiResponses.streamEncoder(facts);
        const before = events.slice(0, at).map((event) => encoder.take(event));
        const failure = new Failure("upstream", "Broken off.", {
          code: "provider_connection_lost",
        });
        const wire = eventsIn(before.join("") + encoder.failing?.(failure, facts.requestId));
        expect(problemsOf(wire)).toEqual([]);
      }),
    );
  });
});

/** What a client reads of the one answer, without the seals, which travel in an envelope. */
function spoken({ choices }: ReturnType<typeof fold>) {
  const parts = choices[0]?.parts ?? [];
  return parts.map((part) =>
    part.type === "tool_call" ? part : { type: part.type, text: part.text },
  );
}

/** Providers that do not keep to the rules themselves, and answers that were cut. */
const ODD: Readonly<Record<string, string>> = {
  "deltas-missing.sse": "tells its items at their end only",
  "only-the-end.sse": "tells nothing but the end",
  "malformed-event.sse": "has an event that is no JSON",
  "cut-in-event.sse": "was cut",
  "cut-between-events.sse": "was cut",
};

const fixtures = join(import.meta.dir, "../../src/providers/dialects/openai-responses/fixtures");
const recorded = readdirSync(fixtures).filter((file) => file.endsWith(".sse"));
const read = (file: string) => new Uint8Array(readFileSync(join(fixtures, file)));

describe("a stored response told again", () => {
  test("keeps to the rules, and ends as it is", () => {
    fc.assert(
      fc.property(someAnswer, fc.boolean(), fc.boolean(), (answer, background, summary) => {
        const to = summary ? wantsSummary : facts;
        const whole = openAiResponses.encodeAnswer(answer, to);
        const response = JSON.parse(JSON.stringify({ ...whole, background }));
        const wire = eventsIn(replay(response).frames);
        expect(problemsOf(wire)).toEqual([]);
        expect<unknown>(responseAtTheEnd(wire)).toEqual(response);
      }),
    );
  });

  test("goes on where its client was cut off", () => {
    const whole = openAiResponses.encodeAnswer(
      { choices: [{ parts: [{ type: "text", text: "Hello" }], reason: "stop" }] },
      facts,
    );
    const { frames, events } = replay(whole);
    const rest = eventsIn(replay(whole, 3).frames);
    expect(rest).toEqual(eventsIn(frames).slice(3));
    expect(replay(whole, events).frames).toBe("");
  });

  test("as far as it has come, begins like the whole", () => {
    const response = openAiResponses.encodeAnswer({ choices: [] }, facts);
    const background = { ...response, background: true };
    const types = (status: string) =>
      eventsIn(replay({ ...background, status }).frames).map(({ type }) => type);
    expect(types("queued")).toEqual(["response.created", "response.queued"]);
    expect(types("in_progress")).toEqual([...types("queued"), "response.in_progress"]);
    expect(types("cancelled")).toEqual([...types("in_progress"), "response.cancelled"]);
  });

  for (const file of readdirSync(fixtures).filter((name) => name.endsWith(".json"))) {
    test(`${file} of a provider`, () => {
      const response = JSON.parse(Buffer.from(read(file)).toString());
      expect(problemsOf(eventsIn(replay(response).frames))).toEqual([]);
    });
  }
});

describe("a recorded stream", () => {
  test("there are some", () => expect(recorded.length).toBeGreaterThan(20));

  for (const file of recorded) {
    const odd = ODD[file];
    const name = odd === undefined ? file : `${file}, which ${odd},`;

    test.skipIf(odd !== undefined)(`${name} passes by the rules`, () => {
      const tap = openAiResponses.tap({});
      const passed = [...tap.take(read(file)), ...tap.end()];
      const failure = new Failure("upstream", "The provider failed.");
      passed.push(
        tap.error === undefined
          ? tap.closing()
          : (tap.failing?.(failure, facts.requestId) ?? Buffer.of()),
      );
      expect(problemsOf(eventsIn(Buffer.concat(passed).toString()))).toEqual([]);
    });

    test(`${name} is written anew by the rules`, () => {
      const decoder = openAiResponses.streamDecoder();
      const events = [...decoder.take(read(file)), ...decoder.end()];
      const isBroken = events.some(({ type }) => type === "error");
      const encoder = openAiResponses.streamEncoder(facts);
      const frames = events
        .filter(({ type }) => type !== "error")
        .map((event) => encoder.take(event));
      frames.push(
        isBroken
          ? (encoder.failing?.(new Failure("upstream", "It failed."), "") ?? "")
          : encoder.closing(),
      );
      expect(problemsOf(eventsIn(frames.join("")))).toEqual([]);
    });
  }
});

describe("a stream that breaks a rule is found out", () => {
  const good = eventsIn(Buffer.from(read("text.sse")).toString());
  const calls = eventsIn(Buffer.from(read("function-calls.sse")).toString());
  const thoughts = eventsIn(Buffer.from(read("reasoning-summary.sse")).toString());

  /** The stream with one event changed, and numbered anew. */
  const broken = (
    events: readonly StreamEvent[],
    type: string,
    change: (event: StreamEvent) => StreamEvent[],
  ): StreamEvent[] => {
    const at = events.findIndex((event) => event.type === type);
    return numbered(events.flatMap((event, index) => (index === at ? change(event) : [event])));
  };
  const numbered = (events: readonly StreamEvent[]): StreamEvent[] =>
    events.map((event, sequence_number) => ({ ...event, sequence_number }));
  const without = (events: readonly StreamEvent[], type: string) => broken(events, type, () => []);
  const twice = (events: readonly StreamEvent[], type: string) =>
    broken(events, type, (event) => [event, event]);
  const changed = (events: readonly StreamEvent[], type: string, fields: object) =>
    broken(events, type, (event) => [{ ...event, ...fields }]);

  const breaches: readonly [name: string, events: StreamEvent[]][] = [
    ["no events", []],
    ["a number is missing", good.filter((_, index) => index !== 4)],
    ["no beginning", without(good, "response.created")],
    ["begun twice", twice(good, "response.in_progress")],
    ["no end", without(good, "response.completed")],
    ["ended twice", twice(good, "response.completed")],
    ["an item that was not added", without(good, "response.output_item.added")],
    ["an item added twice", twice(good, "response.output_item.added")],
    ["an item left open", without(good, "response.output_item.done")],
    ["a part that was not added", without(good, "response.content_part.added")],
    ["a part left open", without(good, "response.content_part.done")],
    ["a text that is not done", without(good, "response.output_text.done")],
    ["a delta lost", without(good, "response.output_text.delta")],
    ["a delta told twice", twice(good, "response.output_text.delta")],
    ["another text at the end", changed(good, "response.output_text.done", { text: "Bye" })],
    ["another item", changed(good, "response.output_text.delta", { item_id: "msg_other" })],
    ["another place", changed(good, "response.output_text.delta", { output_index: 1 })],
    ["another part", changed(good, "response.output_text.delta", { content_index: 1 })],
    ["arguments lost", without(calls, "response.function_call_arguments.delta")],
    ["arguments not done", without(calls, "response.function_call_arguments.done")],
    ["a thought lost", without(thoughts, "response.reasoning_summary_text.delta")],
    ["a thought left open", without(thoughts, "response.reasoning_summary_part.done")],
    [
      "another output at the end",
      broken(good, "response.completed", (event) => [
        { ...event, response: { ...(event["response"] as object), output: [] } },
      ]),
    ],
    [
      "another response at the end",
      broken(good, "response.completed", (event) => [
        { ...event, response: { ...(event["response"] as object), id: "resp_other" } },
      ]),
    ],
  ];
  for (const [name, events] of breaches) {
    test(name, () => expect(problemsOf(events)).not.toEqual([]));
  }
});
