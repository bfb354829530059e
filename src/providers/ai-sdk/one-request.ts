/** Stands in for `fetch` in a package: what it builds is sent once, by `ask`, to the provider's own address. */
import type { JsonObject } from "../../lib/json.ts";
import { type Ask, ask } from "../ask.ts";
import { isRecord, parseRecord } from "../dialects/openai-chat/wire.ts";
import type { SendOptions } from "../exchange.ts";
import { malformedAnswer } from "../read-body.ts";
import type { Upstream } from "../upstream.ts";
import type { Api } from "./apis/api.ts";

/** Several images or minutes of audio; an answer beyond this is none of a model. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** What the packages say beside the credential that they do not have. */
const HEADERS = ["accept", "content-type"];

export class OneRequest {
  readonly #upstream: Upstream;
  readonly #options: SendOptions;
  readonly #api: Api;
  readonly #extra: JsonObject;
  readonly #head = Promise.withResolvers<void>();
  #isRehearsal = true;
  #isSent = false;
  #isContinued = false;

  constructor(
    upstream: Upstream,
    { api, options, extra }: { api: Api; options: SendOptions; extra: JsonObject },
  ) {
    this.#upstream = upstream;
    this.#options = options;
    this.#api = api;
    this.#extra = extra;
  }

  /** From now on requests are sent; until then they get an empty answer, so that the package says what it thinks of them. */
  begin(): void {
    this.#isRehearsal = false;
  }

  /** The head of the answer has come. */
  get head(): Promise<void> {
    return this.#head.promise;
  }

  /** The package wanted to go on with a further request, which is not sent: its cost would be in no hold. */
  get isContinued(): boolean {
    return this.#isContinued;
  }

  readonly fetch = Object.assign(
    async (url: unknown, init?: { headers?: unknown; body?: unknown }): Promise<Response> => {
      if (this.#isRehearsal) return emptyAnswer();
      if (this.#isSent) {
        this.#isContinued = true;
        return nothingMore();
      }
      this.#isSent = true;
      const response = await ask(this.#upstream, this.#toAsk(String(url), init ?? {}));
      this.#head.resolve();
      return this.#bounded(response);
    },
    // Part of Bun's type; the addresses are checked and connected to elsewhere.
    { preconnect: () => undefined },
  );

  #toAsk(url: string, init: { headers?: unknown; body?: unknown }): Ask {
    const { upstreamModel, attemptId, tenant, signal, timeoutMs } = this.#options;
    const { baseUrl } = this.#upstream;
    if (!url.startsWith(`${baseUrl}/`)) throw new Error("a package asked for another address");
    const all = new Headers(init.headers as Record<string, string>);
    const headers = Object.fromEntries([...all].filter(([name]) => HEADERS.includes(name)));
    const path = url.slice(baseUrl.length);
    const body = this.#complete(String(init.body));
    return { path, headers, body, upstreamModel, attemptId, tenant, signal, timeoutMs };
  }

  /** With the client's own further fields, and with the limit that the hold was made for. */
  #complete(body: string): string {
    const { extraAt, limitAt } = this.#api;
    const hasExtra = Object.keys(this.#extra).length > 0;
    if (!hasExtra && limitAt === undefined) return body;
    const request = parseRecord(body) ?? {};
    if (extraAt === undefined) Object.assign(request, { ...this.#extra, ...request });
    else if (hasExtra) request[extraAt] = { ...this.#extra, ...recordAt(request, extraAt) };
    if (limitAt !== undefined) {
      const [field, limit] = limitAt;
      request[field] = { ...recordAt(request, field), [limit]: this.#options.maxOutputTokens };
    }
    return JSON.stringify(request);
  }

  #bounded({ body, status, headers }: Response): Response {
    let left = ANSWER_BYTES_MAX;
    const bounded = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        left -= chunk.length;
        if (left < 0) controller.error(malformedAnswer(this.#upstream, "its body is too large"));
        else controller.enqueue(chunk);
      },
    });
    return new Response(body?.pipeThrough(bounded) ?? null, { status, headers });
  }
}

const recordAt = (record: JsonObject, field: string): JsonObject => {
  const value = record[field];
  return isRecord(value) ? value : {};
};

/** As a stream: the packages take an answer without a body for an error. */
const emptyAnswer = (): Response =>
  new Response(new ReadableStream({ start: (controller) => controller.close() }));

/** Nothing more to say: for a whole answer an empty object, for a stream of events a line that is none. */
const nothingMore = (): Response => new Response("{}");
