import { afterAll, describe, expect, test } from "bun:test";
import {
  AiSdkCaller,
  hello,
  promptOf,
  user,
  wireBytes,
} from "../../../../test/support/ai-sdk-caller.ts";
import { startScriptedUpstream } from "../../../../test/support/scripted-upstream.ts";
import { fold } from "../../neutral/fold.ts";
import type { PromptMessage } from "../../neutral/prompt.ts";
import { decodeNeutralAnswer } from "../../neutral/wire.ts";
import { readAnswer } from "../../read-answer.ts";
import { failureFromErrorObject } from "../../upstream-failure.ts";

const provider = startScriptedUpstream();
afterAll(() => provider[Symbol.asyncDispose]());
const gemini = new AiSdkCaller("google", provider);
const vertex = new AiSdkCaller("google-vertex", provider);

const png = { data: "iVBORw0KGgo=", mediaType: "image/png" };
const notes = Buffer.from("notes").toString("base64");

describe("Gemini", () => {
  test("a long answer that would go on in a second request ends at its limit: one request, one usage", async () => {
    const events = await gemini.eventsOf("gemini-continued.sse");
    expect(fold(events)).toMatchObject({
      choices: [{ reason: "length", parts: [{ text: "Bonjour 🦊! Et puis" }] }],
      usage: { quantities: { uncached_input: 120, output_text: 7 } },
    });

    provider.answer = () => new Response(wireBytes("gemini-continued.json"));
    const response = await gemini.ask(promptOf({ stream: false }));
    const { body } = await readAnswer(gemini.upstream, response);

    expect(decodeNeutralAnswer(body)).toMatchObject({
      choices: [{ reason: "length", parts: [{ text: "Bonjour 🦊! Et puis" }] }],
      usage: { quantities: { uncached_input: 120, output_text: 7 } },
    });
    expect(provider.requests).toHaveLength(2);
  });

  test("an error in the middle of a stream has the provider's own status", async () => {
    const events = await gemini.eventsOf("gemini-error.sse");
    const error = events.find((event) => event.type === "error");

    expect(events.map(({ type }) => type)).toEqual(["begin", "text", "error"]);
    expect(failureFromErrorObject(gemini.upstream, error?.error).kind).toBe("overloaded");
  });

  test("sources become annotations; what tools added to the prompt is counted", async () => {
    const answer = fold(await gemini.eventsOf("gemini-sources.sse"));

    expect(answer.choices[0]?.parts).toEqual([
      {
        type: "text",
        text: "Lyon won.",
        annotations: [{ url: "https://example.com/news", title: "News" }],
      },
    ]);
    expect(answer.usage?.quantities).toEqual({ uncached_input: 40, output_text: 4 });
  });

  test("a prompt that was blocked ends by the content filter", async () => {
    const answer = fold(await gemini.eventsOf("gemini-blocked.sse"));

    expect(answer.choices).toMatchObject([{ reason: "content_filter", parts: [] }]);
  });

  test("an image in an answer of a chat is an error, not a silence", async () => {
    const events = await gemini.eventsOf("gemini-image.sse");

    expect(events.map(({ type }) => type)).toContain("error");
  });

  test("is asked to think by a budget, or by effort; its thoughts are shown", async () => {
    const byBudget = await gemini.bodyOf({ reasoning: { budgetTokens: 512 } });
    const byEffort = await gemini.bodyOf({ reasoning: { effort: "low" } }, "gemini-3-pro-preview");

    expect(byBudget["generationConfig"]).toMatchObject({
      thinkingConfig: { thinkingBudget: 512, includeThoughts: true },
    });
    expect(byEffort["generationConfig"]).toMatchObject({
      thinkingConfig: { thinkingLevel: "low", includeThoughts: true },
    });
  });

  test("hears, sees and reads what comes as data; URLs only where it fetches them itself", async () => {
    const body = await gemini.bodyOf({
      messages: [
        user(
          { type: "audio", data: "aGk=", format: "mp3" },
          { type: "image", source: png },
          { type: "file", source: { data: notes, mediaType: "text/plain" } },
        ),
      ],
    });
    expect(body["contents"]).toMatchObject([
      {
        parts: [
          { inlineData: { mimeType: "audio/mpeg", data: "aGk=" } },
          { inlineData: { mimeType: "image/png" } },
          { inlineData: { mimeType: "text/plain", data: notes } },
        ],
      },
    ]);

    const byUrl = {
      messages: [user({ type: "image", source: { url: "https://x.example/a.png" } })],
    };
    expect(await gemini.refusalOf(byUrl)).toBe("image");
    expect(await vertex.bodyOf(byUrl)).toMatchObject({
      contents: [
        { parts: [{ fileData: { mimeType: "image/png", fileUri: "https://x.example/a.png" } }] },
      ],
    });
  });

  test("what the client says beside its own API goes along, unless Gemini would read something into it", async () => {
    expect(await gemini.bodyOf({ extra: { invented: 1 } })).toMatchObject({ invented: 1 });
    for (const extra of [
      { generationConfig: { maxOutputTokens: 1e6 } },
      { generation_config: {} },
      { serviceTier: "priority" },
      { cachedContent: "x" },
    ]) {
      expect(await gemini.refusalOf({ extra })).toBe(Object.keys(extra)[0]);
    }
  });

  test("refuses penalties where it has none, and system messages in the middle", async () => {
    expect(await gemini.refusalOf({ frequencyPenalty: 0.5 })).toBe("frequency_penalty");
    expect(await gemini.bodyOf({ frequencyPenalty: 0 })).toBeObject();
    const late: PromptMessage = { role: "system", parts: [{ type: "text", text: "Now rhyme." }] };
    expect(await gemini.refusalOf({ messages: [hello, late] })).toBe("messages");
  });

  test("an answer in JSON, with and without a schema", async () => {
    const schema = { type: "object", properties: { a: { type: "number" } } };
    const format = { type: "json_schema", name: "a", schema } as const;
    expect(await gemini.bodyOf({ responseFormat: format })).toMatchObject({
      generationConfig: { responseMimeType: "application/json", responseJsonSchema: schema },
    });
    expect(await gemini.bodyOf({ responseFormat: { type: "json" } })).toMatchObject({
      generationConfig: { responseMimeType: "application/json" },
    });
  });
});
