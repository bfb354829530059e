/** Work that takes minutes is a task at DashScope: begun by one request, asked for by others. */
import { type Backoff, backoffMs, sleep } from "../../lib/backoff.ts";
import { systemClock } from "../../lib/clock.ts";
import type { JsonObject } from "../../lib/json.ts";
import { ask } from "../ask.ts";
import type { SendOptions } from "../exchange.ts";
import { clientClosed } from "../network-failure.ts";
import { readAnswer } from "../read-answer.ts";
import { malformedAnswer } from "../read-body.ts";
import type { Upstream } from "../upstream.ts";
import { failureFromErrorObject, failureWithoutAnswer } from "../upstream-failure.ts";
import { recordIn } from "./counts.ts";
import { type Door, put } from "./put.ts";

/** Images take from ten seconds to two minutes. */
const BETWEEN_QUESTIONS: Backoff = { firstMs: 1_000, maxMs: 3_000 };
const ASYNC = { "x-dashscope-async": "enable" };
const TASK_ID = /^[\w-]{1,100}$/;
const UNDER_WAY = ["PENDING", "RUNNING"];

/** @returns the task's last state as an answer, as if it had been one. */
export async function awaitTask(
  upstream: Upstream,
  door: Door,
  { body, options }: { body: JsonObject; options: SendOptions },
): Promise<Response> {
  const endMs = systemClock.monotonicMs() + options.timeoutMs;
  const begun = await put(upstream, door, { body, options, headers: ASYNC });
  const id = recordIn((await readAnswer(upstream, begun)).body["output"])["task_id"];
  if (typeof id !== "string" || !TASK_ID.test(id)) {
    throw malformedAnswer(upstream, "it names no task");
  }
  for (let questions = 1; ; questions++) {
    const waitMs = backoffMs(BETWEEN_QUESTIONS, questions, 1);
    if (systemClock.monotonicMs() + waitMs >= endMs) throw tookTooLong(upstream);
    if (!(await sleep(waitMs, options.signal))) throw clientClosed(upstream, { dispatched: true });
    const asked = await ask(tasksOf(upstream, door), {
      method: "GET",
      path: `/tasks/${id}`,
      attemptId: options.attemptId,
      signal: options.signal,
      timeoutMs: Math.max(endMs - systemClock.monotonicMs(), 1),
    });
    const { bytes, body: answer } = await readAnswer(upstream, asked);
    const output = recordIn(answer["output"]);
    if (UNDER_WAY.includes(String(output["task_status"]))) continue;
    if (output["task_status"] !== "SUCCEEDED") throw failureFromErrorObject(upstream, output);
    return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: asked.headers });
  }
}

/** Tasks lie beside the services, at the same base URL. */
function tasksOf(upstream: Upstream, { endpoint }: Door): Upstream {
  const { paths: _, endpoint_urls: urls, ...quirks } = upstream.quirks;
  return { ...upstream, baseUrl: urls?.[endpoint] ?? upstream.baseUrl, quirks };
}

const tookTooLong = (upstream: Upstream) =>
  failureWithoutAnswer(upstream, "timeout", {
    message: `The provider '${upstream.name}' did not finish in time. Try again.`,
    code: "provider_timeout",
    dispatched: true,
    detail: "task not finished",
  });
