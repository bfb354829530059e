/** One dialect's answers for the clients of every other: streamed and whole, they understand the same. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chatDialects } from "../../src/providers/chat-dialects.ts";
import type { ChatDialect } from "../../src/providers/dialects/dialect.ts";
import type { AnswerFacts, NeutralAnswer } from "../../src/providers/neutral/answer.ts";
import { fold } from "../../src/providers/neutral/fold.ts";
import { TranslatingReader } from "../../src/providers/translating-reader.ts";
import { type ChatDialectName, chatDialectNames } from "../../src/providers/upstream.ts";
import { decode } from "./dialect-decoders.ts";
import {
  type DialectUnderTest,
  type Expected,
  endingOf,
  isComplete,
  someCuts,
} from "./dialect-under-test.ts";
import { sayable, understoodBy } from "./said-by.ts";

/** A client that wants to be told everything that its dialect can tell. */
export const facts: AnswerFacts = {
  requestId: "req_0197",
  model: "ours",
  createdS: 1_790_000_000,
  request: { model: "ours", stream: true, stream_options: { include_usage: true } },
};

export function testTranslation(
  upstream: DialectUnderTest,
  bytes: Uint8Array,
  expected: Expected,
): void {
  for (const client of chatDialectNames) {
    if (client === upstream.name) continue;
    describe(`for clients of ${client}`, () => {
      testPair(chatDialects[upstream.name], { client, bytes, expected });
    });
  }
}

function testPair(
  upstream: ChatDialect,
  { client, bytes, expected }: { client: ChatDialectName; bytes: Uint8Array; expected: Expected },
): void {
  const answer = fold(decode(upstream, [bytes]).events);
  const translated = translate(upstream, chatDialects[client], [bytes]);

  test("ends as it did, and with the same usage", () => {
    expect(translated.ending).toBe(expected.ending);
    if (isComplete(expected)) expect(translated.quantities).toEqual(expected.quantities);
  });

  test("is the same, cut anywhere", () => {
    fc.assert(
      fc.property(someCuts(bytes), (chunks) => {
        expect(translate(upstream, chatDialects[client], chunks)).toEqual(translated);
      }),
      { numRuns: 20 },
    );
  });

  if (!isComplete(expected)) return;
  if (answer.choices.length > sayable[client].choicesMax) return;
  test("is understood as it was said, streamed and whole", () => {
    expectUnderstood(client, streamedTo(client, translated), answer);
    expectUnderstood(client, wholeTo(client, answer), answer);
  });
}

function translate(upstream: ChatDialect, client: ChatDialect, chunks: readonly Uint8Array[]) {
  const reader = new TranslatingReader(upstream.streamDecoder(), client.streamEncoder(facts));
  const sent = [...chunks.flatMap((chunk) => reader.take(chunk)), ...reader.end()];
  const ending = endingOf(reader);
  const isWhole = ending === "done" || ending === "finished";
  return {
    sent: Buffer.concat(sent).toString(),
    ending,
    quantities: reader.usage?.quantities,
    closing: isWhole ? Buffer.from(reader.closing()).toString() : "",
  };
}

export function streamedTo(
  client: ChatDialectName,
  { sent, closing }: { sent: string; closing: string },
): NeutralAnswer {
  const { events, done } = decode(chatDialects[client], [Buffer.from(sent + closing)]);
  expect(done).toBe(true);
  return fold(events);
}

/** Through JSON, as it goes over the wire. */
export function wholeTo(client: ChatDialectName, answer: NeutralAnswer): NeutralAnswer {
  const { encodeAnswer, decodeAnswer } = chatDialects[client];
  return decodeAnswer(JSON.parse(JSON.stringify(encodeAnswer(answer, facts))));
}

/** Where a dialect must say something of usage that nobody knows, it is our own count. */
export function expectUnderstood(
  client: ChatDialectName,
  heard: NeutralAnswer,
  said: NeutralAnswer,
): void {
  const isOurs = said.usage === undefined && !sayable[client].hasUnknownUsage;
  const { usage: _, ...withoutUsage } = heard;
  expect(understoodBy(client, isOurs ? withoutUsage : heard)).toEqual(understoodBy(client, said));
}
