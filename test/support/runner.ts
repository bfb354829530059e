/** A real runner with the real model, and short ways to talk to it. */
import type { ChatCompletion, ChatCompletionCreateParams } from "openai/resources/chat/completions";
import { type Runner, startRunner } from "../../src/runner/start.ts";
import { hostedModelForTests } from "./hosted-model.ts";

export const RUNNER_TOKEN = "a token for tests";
export const RUNNER_MODEL = "smollm2-135m-instruct";
/** Enough for a first pull over a slow line. */
export const RUNNER_START_MS = 320_000;

export const user = (content: string) => [{ role: "user" as const, content }];

/** Never lets the model end by itself. */
export const endless = { ignore_eos: true };

type Body = Partial<ChatCompletionCreateParams> & Record<string, unknown>;
type Sending = { signal?: AbortSignal; attempt?: string };

export type TestRunner = Runner & {
  ask(body: Body, sending?: Sending): Promise<Response>;
  answer(body: Body): Promise<ChatCompletion>;
  /** `path` from the root of the server. */
  get(path: string): Promise<Response>;
  metric(name: string): Promise<number>;
};

export async function startTestRunner(
  options: { contextTokens?: number; sequences?: number; queueMax?: number } = {},
): Promise<TestRunner> {
  const { path } = await hostedModelForTests();
  const runner = await startRunner({
    ...{ modelPath: path, modelName: RUNNER_MODEL, token: RUNNER_TOKEN },
    ...{ port: 0, hostname: "127.0.0.1" },
    ...options,
    onFatal: (cause) => {
      throw cause;
    },
  });
  const headers = { authorization: `Bearer ${RUNNER_TOKEN}` };
  const ask = (body: Body, sending: Sending = {}): Promise<Response> =>
    fetch(`${runner.url}/chat/completions`, {
      method: "POST",
      headers: {
        ...headers,
        ...(sending.attempt === undefined ? {} : { "x-baseload-attempt": sending.attempt }),
      },
      body: JSON.stringify({
        ...{ model: RUNNER_MODEL, messages: user("Hello"), max_tokens: 8 },
        ...body,
      }),
      signal: sending.signal ?? null,
    });
  const get = (path: string): Promise<Response> =>
    fetch(runner.url.replace(/\/v1$/, path), { headers });
  return {
    ...runner,
    ask,
    get,
    answer: async (body) => (await (await ask(body)).json()) as ChatCompletion,
    async metric(name) {
      const text = await (await get("/metrics")).text();
      return Number(new RegExp(`^baseload_runner_${name}{.*} (.+)$`, "m").exec(text)?.[1]);
    },
  };
}

/** The data of each frame, with the time of its arrival. */
export async function* framesOf(
  response: Response,
): AsyncGenerator<{ atMs: number; data: string }> {
  let rest = "";
  for await (const bytes of response.body ?? []) {
    rest += new TextDecoder().decode(bytes);
    const frames = rest.split("\n\n");
    rest = frames.pop() ?? "";
    for (const frame of frames) {
      yield { atMs: performance.now(), data: frame.slice("data: ".length) };
    }
  }
}

export async function until(what: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    if (await what()) return;
    await Bun.sleep(20);
  }
  throw new Error("it did not happen");
}
