/** Calls through the packages of the AI SDK to a scripted provider that answers with recorded bytes. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Failure } from "../../src/lib/errors.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import { aiSdk } from "../../src/providers/ai-sdk/ai-sdk.ts";
import type { SendOptions } from "../../src/providers/exchange.ts";
import type { AnswerEvent } from "../../src/providers/neutral/answer.ts";
import {
  type Prompt,
  type PromptMessage,
  UNTRANSLATABLE,
} from "../../src/providers/neutral/prompt.ts";
import { NeutralStreamDecoder } from "../../src/providers/neutral/wire.ts";
import type { AiSdkProvider, Upstream } from "../../src/providers/upstream.ts";
import { awsFramesOf } from "./aws-event-stream.ts";
import type { ScriptedUpstream } from "./scripted-upstream.ts";

export const CLAUDE = "eu.anthropic.claude-sonnet-4-20250514-v1:0";

const usual: Record<AiSdkProvider, { model: string; answer: string }> = {
  google: { model: "gemini-2.5-flash", answer: "gemini-answer.json" },
  "google-vertex": { model: "gemini-2.5-flash", answer: "gemini-answer.json" },
  "amazon-bedrock": { model: CLAUDE, answer: "bedrock-answer.json" },
  cohere: { model: "command-a-03-2025", answer: "cohere-answer.json" },
  mistral: { model: "mistral-medium-latest", answer: "mistral-answer.json" },
};

const FIXTURES = join(import.meta.dir, "../../src/providers/ai-sdk/fixtures");

export const wireBytes = (name: string): string => readFileSync(join(FIXTURES, name), "utf8");

export const wireStream = (name: string): Response =>
  name.endsWith(".jsonl")
    ? new Response(Buffer.concat(awsFramesOf(wireBytes(name))))
    : new Response(wireBytes(name), { headers: { "content-type": "text/event-stream" } });

export const hello: PromptMessage = { role: "user", parts: [{ type: "text", text: "Hello?" }] };

export const user = (
  ...parts: Extract<PromptMessage, { role: "user" }>["parts"]
): PromptMessage => ({ role: "user", parts });

export const promptOf = (more: Partial<Prompt> = {}): Prompt => ({
  messages: [hello],
  tools: [],
  stream: true,
  extra: {},
  ...more,
});

export const sendOptions = (upstreamModel: string): SendOptions => ({
  upstreamModel,
  maxOutputTokens: 2_000,
  attemptId: "0190d1d2-0000-7000-8000-000000000000",
  tenant: "1",
  signal: new AbortController().signal,
  timeoutMs: 2_000,
});

export class AiSdkCaller {
  readonly #api: AiSdkProvider;
  readonly #provider: ScriptedUpstream;
  readonly upstream: Upstream;

  constructor(api: AiSdkProvider, provider: ScriptedUpstream) {
    this.#api = api;
    this.#provider = provider;
    this.upstream = {
      name: "acme",
      dialect: "ai-sdk",
      baseUrl: provider.url,
      credential: "key-of-tests",
      allowPrivate: true,
      quirks: { ai_sdk_provider: api },
    };
  }

  async ask(prompt: Prompt, model = usual[this.#api].model): Promise<Response> {
    aiSdk.assertSayable(prompt, this.upstream);
    return await aiSdk.send(prompt, this.upstream, sendOptions(model));
  }

  /** What a recorded stream tells. */
  async eventsOf(recorded: string): Promise<AnswerEvent[]> {
    this.#provider.answer = () => wireStream(recorded);
    const response = await this.ask(promptOf());
    return new NeutralStreamDecoder().take(new Uint8Array(await response.arrayBuffer()));
  }

  /** What the provider is asked for a prompt. */
  async bodyOf(more: Partial<Prompt> = {}, model?: string): Promise<JsonObject> {
    this.#provider.answer = () => new Response(wireBytes(usual[this.#api].answer));
    this.#provider.requests.length = 0;
    await this.ask(promptOf({ stream: false, ...more }), model);
    expect(this.#provider.requests).toHaveLength(1);
    return this.#provider.requests[0]?.body ?? {};
  }

  /** The field for which a prompt is refused, before anything is sent. */
  async refusalOf(more: Partial<Prompt>, model?: string): Promise<string | undefined> {
    this.#provider.requests.length = 0;
    const error = await this.ask(promptOf(more), model).catch((reason: unknown) => reason);
    expect(this.#provider.requests).toEqual([]);
    expect(error).toMatchObject({ code: UNTRANSLATABLE });
    return (error as Failure).param;
  }
}
