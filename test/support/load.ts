/**
 * Clients of a data plane under test: a seeded mix of calls, a bounded number at once, and what each client saw.
 * Every call opens its own connection, so that the kernel spreads them over all gateway processes.
 */
import { SeededRandom } from "./seeded-random.ts";

export type CallShape = {
  isStream: boolean;
  promptTokens: number;
  cachedTokens: number;
  completionTokens: number;
  /** The limit that the client sends; the hold is made for it. */
  maxTokens: number;
  firstTokenDelayMs: number;
  tokenDelayMs: number;
  /** Leaves after this long. */
  leavesAfterMs?: number;
};

/** What became of a call, by the eyes of its client. */
export type SeenCall = {
  key: string;
  shape: CallShape;
  /** `answered`: to the last byte. `refused`: with a status of 400 or more. `broken`: the connection or the stream. */
  ended: "answered" | "refused" | "left" | "broken";
  status: number | undefined;
  requestId: string | undefined;
  /** US dollars, as the answer says. */
  costUsd: string | undefined;
  code: string | undefined;
  retryAfter: string | null | undefined;
  completionTokens: number | undefined;
};

export type LoadOptions = {
  url: string;
  keys: readonly string[];
  model: string;
  seed: number;
  atOnce: number;
  /** Calls are begun until this many, or until `isEnough`. */
  callsMax: number;
  isEnough?: () => boolean;
  drawShape?: (random: SeededRandom) => CallShape;
  onEnd?: (call: SeenCall) => void;
};

const PATIENCE_MS = 30_000;
/** A client whose connection was refused does not come back at once. */
const AFTER_BROKEN_MS = 20;

export async function runLoad(options: LoadOptions): Promise<SeenCall[]> {
  const random = new SeededRandom(options.seed);
  const draw = options.drawShape ?? drawMixedShape;
  const seen: SeenCall[] = [];
  let begun = 0;
  const client = async (): Promise<void> => {
    while (begun < options.callsMax && options.isEnough?.() !== true) {
      begun += 1;
      const shape = draw(random);
      const call = await callOnce(options, random.pick(options.keys), shape);
      seen.push(call);
      options.onEnd?.(call);
      if (call.ended === "broken") await Bun.sleep(AFTER_BROKEN_MS);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, client));
  return seen;
}

/** Whole answers and streams, short and long, quick and slow; about every seventh client leaves. */
export function drawMixedShape(random: SeededRandom): CallShape {
  const isStream = random.chance(0.6);
  const isLong = random.chance(0.15);
  const completionTokens = isLong ? random.between(100, 250) : random.between(1, 40);
  const promptTokens = random.between(5, 600);
  const leaves = random.chance(0.15);
  return {
    isStream,
    promptTokens,
    cachedTokens: random.chance(0.3) ? random.between(0, promptTokens) : 0,
    completionTokens,
    maxTokens: completionTokens + random.between(0, 50),
    firstTokenDelayMs: random.chance(0.2) ? random.between(20, 200) : 0,
    tokenDelayMs: isLong ? 2 : 0,
    ...(leaves ? { leavesAfterMs: random.between(1, 250) } : {}),
  };
}

/** The same for every call: an answer of so many tokens, with a limit of its own. */
export const plainShape = (options: {
  promptTokens: number;
  completionTokens: number;
  maxTokens: number;
  delayMs: number;
}): CallShape => ({
  isStream: false,
  cachedTokens: 0,
  tokenDelayMs: 0,
  firstTokenDelayMs: options.delayMs,
  ...options,
});

type Target = Pick<LoadOptions, "url" | "model">;

export async function callOnce(target: Target, key: string, shape: CallShape): Promise<SeenCall> {
  const seen: SeenCall = {
    key,
    shape,
    ended: "broken",
    status: undefined,
    requestId: undefined,
    costUsd: undefined,
    code: undefined,
    retryAfter: undefined,
    completionTokens: undefined,
  };
  const leaving = new AbortController();
  const timer = setTimeout(() => leaving.abort(), shape.leavesAfterMs ?? PATIENCE_MS);
  try {
    const response = await fetch(`${target.url}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(bodyOf(target.model, shape)),
      keepalive: false,
      signal: leaving.signal,
    });
    seen.status = response.status;
    seen.requestId = response.headers.get("x-request-id") ?? undefined;
    const text = await response.text();
    readAnswer(seen, { response, text });
  } catch {
    seen.ended = leaving.signal.aborted && shape.leavesAfterMs !== undefined ? "left" : "broken";
  } finally {
    clearTimeout(timer);
  }
  return seen;
}

function bodyOf(model: string, shape: CallShape): Record<string, unknown> {
  return {
    model,
    // A prompt is never more tokens than it has bytes, which is what holds rest on.
    messages: [{ role: "user", content: "x".repeat(shape.promptTokens) }],
    max_tokens: shape.maxTokens,
    ...(shape.isStream ? { stream: true, stream_options: { include_usage: true } } : {}),
    sandbox: {
      prompt_tokens: shape.promptTokens,
      cached_tokens: shape.cachedTokens,
      completion_tokens: shape.completionTokens,
      first_token_delay_ms: shape.firstTokenDelayMs,
      token_delay_ms: shape.tokenDelayMs,
      tokens_per_frame: shape.completionTokens > 50 ? 5 : 1,
    },
  };
}

function readAnswer(seen: SeenCall, answer: { response: Response; text: string }): void {
  const { response, text } = answer;
  if (response.status >= 400) {
    seen.ended = "refused";
    seen.retryAfter = response.headers.get("retry-after");
    seen.code = (JSON.parse(text) as { error?: { code?: string } }).error?.code;
    return;
  }
  if (!seen.shape.isStream) {
    const body = JSON.parse(text) as { usage: { completion_tokens: number } };
    seen.completionTokens = body.usage.completion_tokens;
    seen.costUsd = response.headers.get("x-baseload-cost") ?? undefined;
    seen.ended = "answered";
    return;
  }
  seen.costUsd = /^: x-baseload-cost: (.+)$/m.exec(text)?.[1];
  const usage = /"completion_tokens":(\d+)/.exec(text)?.[1];
  seen.completionTokens = usage === undefined ? undefined : Number(usage);
  seen.ended = text.trimEnd().endsWith("data: [DONE]") ? "answered" : "broken";
}

/** How often each ending was seen, for a line that a person reads. */
export function countEndings(calls: readonly SeenCall[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { ended } of calls) counts[ended] = (counts[ended] ?? 0) + 1;
  return counts;
}
