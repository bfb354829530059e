/** The first minute: an account, a call through the public port like any client's, and its receipt. */
import { z } from "zod";
import { type Call, readCall } from "../contract/calls.ts";
import { addCredit } from "../contract/credits.ts";
import { createKey, listKeys } from "../contract/keys.ts";
import { listModels } from "../contract/models.ts";
import type { Price } from "../contract/prices.ts";
import type { Clock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import { readFrame, SseSplitter } from "../lib/sse.ts";
import type { ControlClient } from "./control-client.ts";
import { createWrapper, type Screen, seconds } from "./screen.ts";

export const FIRST_NAME = "default";
const CREDIT_USD = "5.00";
const QUESTION = "Explain in two short sentences what electricity is.";
const ANSWER_TOKENS_MAX = 120;
const ANSWER_TIMEOUT_MS = 120_000;
/** The worker posts within milliseconds; after this long something is wrong. */
const RECEIPT_TIMEOUT_MS = 10_000;
const RECEIPT_POLL_MS = 50;
const NEWS_TIMEOUT_MS = 5_000;
const FRAME_BYTES_MAX = 1 << 20;

export type FirstMinute = {
  control: ControlClient;
  gatewayUrl: string;
  screen: Screen;
  clock: Clock;
};

export async function hasNoKeys(control: ControlClient): Promise<boolean> {
  const { data } = await control.ask(listKeys, { query: { limit: 1 } });
  return data.length === 0;
}

/** @returns the key, which cannot be read again. */
export async function makeAccount({ control }: FirstMinute): Promise<string> {
  const names = { organization: FIRST_NAME, project: FIRST_NAME, name: "first" };
  const { key } = await control.ask(createKey, { body: names });
  await control.ask(addCredit, {
    body: {
      organization: FIRST_NAME,
      usd: CREDIT_USD,
      note: "credit of the first start",
      // A first start that is cut short and repeated gives its credit once.
      idempotency_key: "first-start",
    },
  });
  return key;
}

/** A key for the sandbox, where nothing is billed. */
export async function makeTestKey({ control }: FirstMinute): Promise<string> {
  const body = {
    organization: FIRST_NAME,
    project: FIRST_NAME,
    name: "first-test",
    mode: "test" as const,
  };
  return (await control.ask(createKey, { body })).key;
}

export async function makeFirstCall(
  minute: FirstMinute,
  ask: { key: string; model: string; isBilled: boolean },
): Promise<void> {
  const { screen, clock } = minute;
  screen.print("");
  screen.heading(`First call, to ${ask.model}`);
  screen.print("");
  screen.print(`  > ${QUESTION}`);
  screen.print("");
  const startedMs = clock.monotonicMs();
  const requestId = await streamAnswer(minute, ask);
  const took = seconds(clock.monotonicMs() - startedMs);
  screen.print("");
  if (ask.isBilled) await showReceipt(minute, { requestId, took });
  else screen.print(`  Answered in ${took}. Calls with a test key are never billed.`);
}

/** Prints the answer as it comes. @returns the request id. */
async function streamAnswer(
  { gatewayUrl, screen, clock }: FirstMinute,
  ask: { key: string; model: string },
): Promise<string> {
  const response = await postUntilKnown(`${gatewayUrl}/v1/chat/completions`, {
    ...ask,
    clock,
  });
  const wrapper = createWrapper({
    columns: Math.min(screen.columns, 100),
    indent: "  ",
    write: screen.write,
  });
  const splitter = new SseSplitter({ frameBytesMax: FRAME_BYTES_MAX });
  for await (const chunk of response.body ?? []) {
    for (const frame of splitter.take(chunk)) wrapper.take(textIn(frame));
  }
  wrapper.end();
  return response.headers.get("x-request-id") ?? "";
}

/** Gateways hear of a new key a moment after it was made; until then they refuse it. */
async function postUntilKnown(
  url: string,
  ask: { key: string; model: string; clock: Clock },
): Promise<Response> {
  const deadlineMs = ask.clock.monotonicMs() + NEWS_TIMEOUT_MS;
  for (;;) {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${ask.key}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: ask.model,
        messages: [{ role: "user", content: QUESTION }],
        max_tokens: ANSWER_TOKENS_MAX,
        stream: true,
      }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    if (response.ok) return response;
    const text = (await response.text()).slice(0, 500);
    const mayBeNews = [401, 402, 404].includes(response.status);
    if (!mayBeNews || ask.clock.monotonicMs() > deadlineMs) {
      throw new Failure("upstream", `The first call was answered with ${response.status}: ${text}`);
    }
    await Bun.sleep(RECEIPT_POLL_MS);
  }
}

const Frame = z.object({
  choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }).nullish() })),
});

function textIn(frame: Uint8Array): string {
  const { data } = readFrame(frame);
  if (data === undefined || data === "[DONE]") return "";
  const parsed = Frame.safeParse(JSON.parse(data));
  const text = parsed.data?.choices[0]?.delta?.content ?? "";
  // A model's words are printed on a terminal: they may not move its cursor.
  return text.replace(/\p{Cc}/gu, (control) => (control === "\n" ? "\n" : " "));
}

async function showReceipt(
  minute: FirstMinute,
  call: { requestId: string; took: string },
): Promise<void> {
  const { control, screen } = minute;
  const receipt = await waitForReceipt(minute, call.requestId);
  const price = await readPriceOf(control, receipt.model);
  const attempt = receipt.attempts.at(-1);
  const fresh = receipt.input_tokens - receipt.cached_input_tokens;
  screen.heading("Receipt");
  screen.print("");
  const lines: [name: string, value: string, note: string][] = [
    ["model", receipt.model, `answered in ${call.took}`],
    ["input", `${fresh} tokens`, perMillion(price?.input_usd_per_mtok)],
    [
      "cached input",
      `${receipt.cached_input_tokens} tokens`,
      perMillion(price?.cached_input_usd_per_mtok),
    ],
    ["output", `${receipt.output_tokens} tokens`, perMillion(price?.output_usd_per_mtok)],
    ["cost", `$${receipt.cost_usd}`, `charged $${receipt.charge_usd}`],
    ["balance left", `$${receipt.balance_usd}`, `of $${CREDIT_USD}`],
    ["transfer", attempt?.transfer_id ?? "", "in the double-entry ledger"],
  ];
  const width = Math.max(...lines.map(([, value]) => value.length));
  for (const [name, value, note] of lines) {
    screen.print(`  ${name.padEnd(14)}${value.padEnd(width + 2)}${note}`.trimEnd());
  }
}

const perMillion = (usd: string | null | undefined): string =>
  usd ? `at $${usd} per million` : "";

/** A receipt exists as soon as the worker has posted the call. */
async function waitForReceipt({ control, clock }: FirstMinute, requestId: string): Promise<Call> {
  const deadlineMs = clock.monotonicMs() + RECEIPT_TIMEOUT_MS;
  for (;;) {
    try {
      return await control.ask(readCall, { params: { request_id: requestId } });
    } catch (error) {
      const isEarly = error instanceof Failure && error.status === 404;
      if (!isEarly || clock.monotonicMs() > deadlineMs) throw error;
    }
    await Bun.sleep(RECEIPT_POLL_MS);
  }
}

async function readPriceOf(control: ControlClient, model: string): Promise<Price | null> {
  const { data } = await control.ask(listModels, { query: { limit: 1_000 } });
  return data.find((one) => one.name === model)?.price ?? null;
}
