/**
 * One chat call, to any provider. Where it speaks the client's dialect, the request passes with the model, the limit
 * and what usage needs changed, and the answer passes untouched. Otherwise both are translated through the neutral
 * form.
 */
import { Failure } from "../lib/errors.ts";
import type { JsonObject } from "../lib/json.ts";
import { type Ask, ask } from "./ask.ts";
import { assertEventStream } from "./assert-event-stream.ts";
import { chatDialectOf, neutralUpstreamOf, speaks } from "./chat-dialects.ts";
import type { ChatDialect, EncodeOptions, StreamDecoder } from "./dialects/dialect.ts";
import type { AnswerReader, Exchange, SendOptions, WholeAnswer } from "./exchange.ts";
import type { AnswerFacts, NeutralAnswer } from "./neutral/answer.ts";
import { countedTokensOf } from "./neutral/counted-output.ts";
import { type Prompt, UNTRANSLATABLE } from "./neutral/prompt.ts";
import { decodeNeutralAnswer, NeutralStreamDecoder } from "./neutral/wire.ts";
import { readAnswer } from "./read-answer.ts";
import { TranslatingReader } from "./translating-reader.ts";
import type { ChatDialectName, DialectName, Quirks, Upstream } from "./upstream.ts";

export type ChatFacts = Omit<AnswerFacts, "request"> & {
  /** Of the client's dialect, such as `anthropic-beta`; they go on only to providers that speak it. */
  headers?: Readonly<Record<string, string>>;
};

/** `body` is valid in the client's dialect, as far as the gateway reads it. */
export function chatExchange(
  clientDialect: ChatDialectName,
  body: JsonObject,
  facts: ChatFacts,
): Exchange {
  return new ChatExchange(clientDialect, body, facts);
}

/** Where the answers of an upstream are read that does not speak the client's dialect. */
type AnswerSource = {
  decodeAnswer(body: JsonObject): NeutralAnswer;
  streamDecoder(): StreamDecoder;
};

const neutralAnswers: AnswerSource = {
  decodeAnswer: decodeNeutralAnswer,
  streamDecoder: () => new NeutralStreamDecoder(),
};

/** Stands in for the real name and limit while a plan is made: neither makes a prompt untranslatable. */
const THROWAWAY = { upstreamModel: "model", maxOutputTokens: 1 };

const encoder = new TextEncoder();

class ChatExchange implements Exchange {
  readonly #name: ChatDialectName;
  readonly #client: ChatDialect;
  readonly #body: JsonObject;
  readonly #facts: ChatFacts;
  readonly #isStream: boolean;
  #prompt: Prompt | undefined;
  #refusal: Failure | undefined;

  constructor(name: ChatDialectName, body: JsonObject, facts: ChatFacts) {
    this.#name = name;
    this.#client = dialectOf(name);
    this.#body = body;
    this.#facts = facts;
    this.#isStream = body["stream"] === true;
  }

  get refusal(): Failure | undefined {
    return this.#refusal;
  }

  whyNot(upstream: Upstream): string | undefined {
    // The usual case, and the quick one.
    if (speaks(upstream, this.#name) && !hasLimits(upstream.quirks)) return undefined;
    try {
      this.#assertSayable(upstream);
      return undefined;
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== UNTRANSLATABLE) throw error;
      this.#refusal ??= error;
      return error.message;
    }
  }

  async send(upstream: Upstream, options: SendOptions): Promise<Response> {
    const response = await this.#ask(upstream, options);
    if (this.#isStream) await assertEventStream(upstream, response);
    return response;
  }

  readStream(upstream: Upstream): AnswerReader {
    if (speaks(upstream, this.#name)) return this.#client.tap(this.#body);
    const decoder = sourceOf(upstream).streamDecoder();
    return new TranslatingReader(decoder, this.#client.streamEncoder(this.#answerFacts()));
  }

  async readWhole(upstream: Upstream, response: Response): Promise<WholeAnswer> {
    if (speaks(upstream, this.#name)) return await this.#client.readWhole(upstream, response);
    const { body } = await readAnswer(upstream, response);
    const answer = sourceOf(upstream).decodeAnswer(body);
    const encoded = this.#client.encodeAnswer(answer, this.#answerFacts());
    return {
      bytes: encoder.encode(JSON.stringify(encoded)),
      contentType: "application/json",
      usage: answer.usage,
      countedOutputTokens: countedTokensOf(answer),
    };
  }

  #assertSayable(upstream: Upstream): void {
    const options: EncodeOptions = { ...THROWAWAY, quirks: upstream.quirks };
    const neutral = this.#neutralUpstream(upstream);
    if (neutral !== undefined) neutral.assertSayable(this.#neutralPrompt(), upstream);
    else this.#encode(upstream, options);
  }

  #ask(upstream: Upstream, options: SendOptions): Promise<Response> {
    const neutral = this.#neutralUpstream(upstream);
    if (neutral !== undefined) return neutral.send(this.#neutralPrompt(), upstream, options);
    return ask(upstream, this.#toAsk(upstream, options));
  }

  #toAsk(upstream: Upstream, options: SendOptions): Ask {
    const { upstreamModel, maxOutputTokens, attemptId, tenant, signal, timeoutMs } = options;
    const { quirks } = upstream;
    const isOwn = speaks(upstream, this.#name);
    const spoken = this.#spokenBy(upstream);
    const { path, endpoint } = dialectOf(spoken);
    const body = this.#encode(upstream, { upstreamModel, maxOutputTokens, quirks });
    return {
      path,
      endpoint,
      dialect: spoken,
      upstreamModel,
      headers: { ...dialectOf(spoken).headers, ...(isOwn ? this.#facts.headers : {}) },
      body: JSON.stringify(body),
      attemptId,
      tenant,
      signal,
      timeoutMs,
    };
  }

  #encode(upstream: Upstream, options: EncodeOptions): JsonObject {
    if (speaks(upstream, this.#name)) return this.#client.passRequest(this.#body, options);
    return dialectOf(upstream.dialect).encodeRequest(this.#neutralPrompt(), options);
  }

  /** The client's own dialect where the upstream speaks it, whatever else it speaks. */
  #spokenBy(upstream: Upstream): DialectName {
    return speaks(upstream, this.#name) ? this.#name : upstream.dialect;
  }

  #neutralUpstream(upstream: Upstream) {
    return neutralUpstreamOf(this.#spokenBy(upstream));
  }

  /** Decoded for the first candidate that needs it. */
  #neutralPrompt(): Prompt {
    this.#prompt ??= this.#client.decodeRequest(this.#body);
    return this.#prompt;
  }

  #answerFacts(): AnswerFacts {
    const { headers: _, ...facts } = this.#facts;
    return { ...facts, request: this.#body };
  }
}

/** Quirks by which even a request in the provider's own dialect may be refused. */
function hasLimits({ choices_max, max_temperature, no_json_schema }: Quirks): boolean {
  return choices_max !== undefined || max_temperature !== undefined || no_json_schema === true;
}

function sourceOf({ dialect }: Upstream): AnswerSource {
  return neutralUpstreamOf(dialect) === undefined ? dialectOf(dialect) : neutralAnswers;
}

function dialectOf(name: DialectName): ChatDialect {
  const dialect = chatDialectOf(name);
  if (dialect !== undefined) return dialect;
  throw new Failure("invalid", `The dialect '${name}' is not served by this version.`, {
    code: UNTRANSLATABLE,
  });
}
