/** Requests in every dialect: what a prompt says comes back out of the request that says it. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Failure } from "../../src/lib/errors.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import { chatDialects } from "../../src/providers/chat-dialects.ts";
import { type Prompt, UNTRANSLATABLE } from "../../src/providers/neutral/prompt.ts";
import { type ChatDialectName, chatDialectNames } from "../../src/providers/upstream.ts";
import { somePrompt } from "../support/some-prompt.ts";
import { meaningIn } from "./meaning-in.ts";

const options = {
  upstreamModel: "up-1",
  maxOutputTokens: 400,
  quirks: { cache_marks: "cache_control", reasoning_replay: "reasoning_details" },
} as const;

/** Of all arbitrary prompts, each dialect can say at least so many. */
const SAYABLE_SHARE_MIN = 0.2;

for (const name of chatDialectNames) {
  const { decodeRequest } = chatDialects[name];

  describe(`in the words of ${name}`, () => {
    test("a prompt says what it said, or is refused", () => {
      const seen = { said: 0, refused: 0 };
      fc.assert(
        fc.property(somePrompt, (prompt) => {
          const body = encoded(name, prompt);
          seen[body === undefined ? "refused" : "said"] += 1;
          if (body === undefined) return;
          expect(meaningIn(name, decodeRequest(body))).toEqual(meaningIn(name, prompt));
        }),
        { numRuns: 500 },
      );
      expect(seen.said / (seen.said + seen.refused)).toBeGreaterThan(SAYABLE_SHARE_MIN);
    });

    test("the model and the limit are those of the provider", () => {
      const body = encoded(name, { ...plain, maxOutputTokens: 7 });

      expect(body).toMatchObject({ model: "up-1" });
      expect(decodeRequest(body ?? {}).maxOutputTokens).toBe(400);
    });

    test("what no API knows goes on under its own name", () => {
      expect(encoded(name, { ...plain, extra: { future_field: [1] } })).toMatchObject({
        future_field: [1],
      });
    });

    test("what only this API knows cannot come in as if nobody knew it", () => {
      for (const field of [
        "model",
        "stream",
        "tools",
        Object.keys(encoded(name, plain) ?? {})[1],
      ]) {
        const smuggled = { ...plain, extra: { [field ?? ""]: 1_000_000 } };
        expect(encoded(name, smuggled)).toBeUndefined();
      }
    });
  });
}

const plain: Prompt = {
  messages: [{ role: "user", parts: [{ type: "text", text: "Hello" }] }],
  tools: [],
  stream: false,
  extra: {},
};

/** As it goes over the wire; undefined where the dialect refuses to say it. */
function encoded(name: ChatDialectName, prompt: Prompt): JsonObject | undefined {
  try {
    return JSON.parse(JSON.stringify(chatDialects[name].encodeRequest(prompt, options)));
  } catch (error) {
    if (error instanceof Failure && error.code === UNTRANSLATABLE) return undefined;
    throw error;
  }
}
