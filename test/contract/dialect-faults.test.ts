/** Whatever comes from outside, in whatever dialect: providers that send nonsense, clients that ask for it. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { Failure } from "../../src/lib/errors.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import { chatDialects } from "../../src/providers/chat-dialects.ts";
import { TranslatingReader } from "../../src/providers/translating-reader.ts";
import { type ChatDialectName, chatDialectNames } from "../../src/providers/upstream.ts";
import { somePrompt } from "../support/some-prompt.ts";
import { facts } from "./dialect-translation.ts";

const ROOT = join(import.meta.dir, "../../src/providers/dialects");

/** The lines of all recorded streams of a dialect that hold an object, without their doubles. */
function recordedEvents(name: ChatDialectName): { before: string; body: JsonObject }[] {
  const folder = join(ROOT, name, "fixtures");
  const files = readdirSync(folder).filter((file) => file.endsWith(".sse"));
  const lines = files.flatMap((file) => readFileSync(join(folder, file), "utf8").split(/\r?\n/));
  const bodies = new Set(
    lines.filter((line) => line.startsWith("data: {")).map((line) => line.slice("data: ".length)),
  );
  return [...bodies].flatMap((text) => {
    try {
      const body = JSON.parse(text) as JsonObject;
      const type = body["type"];
      return [{ before: typeof type === "string" ? `event: ${type}\n` : "", body }];
    } catch {
      return [];
    }
  });
}

const nonsense = fc.oneof(
  fc.constantFrom<unknown>(null, "", 0, -1, 1e308, true, [], {}, [null], [[]], { type: 7 }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** One value somewhere inside is something else. */
function damaged(value: unknown, steps: readonly number[], by: unknown): unknown {
  const [step, ...rest] = steps;
  if (typeof value !== "object" || value === null || step === undefined) return by;
  const keys = Object.keys(value);
  const key = keys[step % Math.max(keys.length, 1)];
  if (key === undefined) return by;
  const inside = damaged((value as JsonObject)[key], rest, by);
  if (Array.isArray(value)) return value.map((one, at) => (String(at) === key ? inside : one));
  return { ...value, [key]: inside };
}

const path = fc.array(fc.nat(30), { minLength: 1, maxLength: 6 });

/** What a bug throws is not a `Failure`. */
function onlyFails(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

for (const name of chatDialectNames) {
  const dialect = chatDialects[name];
  const recorded = recordedEvents(name);

  describe(`nonsense in the words of ${name}`, () => {
    test("has something to be made of", () => {
      expect(recorded.length).toBeGreaterThan(20);
    });

    test("from a provider never breaks the reader, nor what its clients are told", () => {
      const someEvent = fc.tuple(fc.constantFrom(...recorded), fc.option(fc.tuple(path, nonsense)));
      fc.assert(
        fc.property(fc.array(someEvent, { maxLength: 12 }), (events) => {
          const stream = events.map(([{ before, body }, damage]) => {
            const sent = damage === null ? body : damaged(body, damage[0], damage[1]);
            return `${before}data: ${JSON.stringify(sent)}\n\n`;
          });
          const bytes = Buffer.from(stream.join(""));
          onlyFails(() => {
            const tap = dialect.tap({});
            tap.take(bytes);
            tap.end();
            return [tap.usage, tap.countedOutputTokens(), tap.closing()];
          });
          for (const client of chatDialectNames) {
            onlyFails(() => {
              const encoder = chatDialects[client].streamEncoder(facts);
              const reader = new TranslatingReader(dialect.streamDecoder(), encoder);
              reader.take(bytes);
              reader.end();
              return reader.closing();
            });
          }
        }),
        { numRuns: 400 },
      );
    });

    test("from a provider is no whole answer that breaks anything", () => {
      const wholes = recorded.map(({ body }) => body["response"] ?? body["message"] ?? body);
      fc.assert(
        fc.property(fc.constantFrom(...wholes), path, nonsense, (whole, steps, by) => {
          const body = damaged(whole, steps, by);
          if (typeof body !== "object" || body === null || Array.isArray(body)) return;
          for (const client of chatDialectNames) {
            onlyFails(() =>
              chatDialects[client].encodeAnswer(dialect.decodeAnswer(body as JsonObject), facts),
            );
          }
        }),
        { numRuns: 400 },
      );
    });

    test("from a client is refused, or asked, in every dialect", () => {
      const options = { upstreamModel: "up-1", maxOutputTokens: 400, quirks: {} };
      fc.assert(
        fc.property(somePrompt, path, nonsense, (prompt, steps, by) => {
          onlyFails(() => {
            const asked = dialect.encodeRequest(prompt, options);
            const body = damaged(JSON.parse(JSON.stringify(asked)), steps, by) as JsonObject;
            const understood = dialect.decodeRequest(body);
            for (const other of chatDialectNames) {
              onlyFails(() => chatDialects[other].encodeRequest(understood, options));
            }
          });
        }),
        { numRuns: 400 },
      );
    });
  });
}
