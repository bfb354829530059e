/** One real call to a provider, told in full: the reader is the operator who can repair it. */
import type { Credential, Provider } from "../domains/catalog/index.ts";
import type { Clock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import { newRequestId } from "../lib/ids.ts";
import { ask } from "../providers/ask.ts";
import { chatDialectOf } from "../providers/chat-dialects.ts";
import { toUpstream } from "../providers/to-upstream.ts";
import { assertUrlAllowed } from "../providers/url-guard.ts";

type UpstreamTest = {
  ok: boolean;
  status: number | null;
  latency_ms: number | null;
  reason: string;
  models: string[];
};

const TIMEOUT_MS = 10_000;
/** The longest lists of models that vendors publish are below 1 MiB. */
const ANSWER_BYTES_MAX = 4 * 1_024 * 1_024;
const MODELS_MAX = 100;
const NAME_CHARS_MAX = 200;

export async function testUpstream(
  provider: Provider,
  options: { credential: Credential | undefined; clock: Clock; signal: AbortSignal },
): Promise<UpstreamTest> {
  const { clock, signal } = options;
  const startedMs = clock.monotonicMs();
  try {
    // Asked again here, because the error of the call itself does not name the address.
    await assertUrlAllowed(provider.baseUrl, { allowPrivate: provider.allowPrivate });
    const upstream = toUpstream(provider, options.credential);
    const response = await ask(upstream, {
      method: "GET",
      path: "/models",
      endpoint: "models",
      headers: chatDialectOf(upstream.dialect)?.headers ?? {},
      attemptId: newRequestId(),
      timeoutMs: TIMEOUT_MS,
      signal,
    });
    const latency_ms = clock.monotonicMs() - startedMs;
    const models = readModelNames(await readText(response));
    const answered = { status: response.status, latency_ms };
    if (models === undefined) return { ...answered, ...notAList };
    const reason = `It answered and lists ${models.length} ${models.length === 1 ? "model" : "models"}.`;
    return { ...answered, ok: true, reason, models: models.slice(0, MODELS_MAX) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return toFailedTest(error, clock.monotonicMs() - startedMs);
  }
}

const notAList = {
  ok: false,
  reason:
    "It answered, but not with a list of models. Is the base URL complete, such as https://host/v1?",
  models: [],
};

/** Without a status nothing answered, and the time until we gave up says nothing about the provider. */
function toFailedTest(failure: Failure, elapsedMs: number): UpstreamTest {
  const cause = failure.cause as { status?: unknown; detail?: unknown } | undefined;
  const status = typeof cause?.status === "number" ? cause.status : null;
  const detail = typeof cause?.detail === "string" ? ` (${cause.detail})` : "";
  return {
    ok: false,
    status,
    latency_ms: status === null ? null : elapsedMs,
    reason: failure.message + detail,
    models: [],
  };
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > ANSWER_BYTES_MAX) break;
  }
  return text;
}

/** Undefined when the answer is not a list of models in any form that is known. */
function readModelNames(text: string): string[] | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  const lists = body as Record<string, unknown> | null;
  const list = LISTS.map((field) => lists?.[field]).find(Array.isArray);
  if (list === undefined) return undefined;
  return list
    .map((model: unknown) => nameOf(model as Record<string, unknown> | null))
    .filter((name) => typeof name === "string")
    .map((name) => name.slice(0, NAME_CHARS_MAX));
}

/** OpenAI's, Gemini's and Cohere's, Bedrock's, Vertex's. */
const LISTS = ["data", "models", "modelSummaries", "publisherModels"];

/** Google's names are paths that end in the name. */
const nameOf = (model: Record<string, unknown> | null): unknown => {
  const name = model?.["id"] ?? model?.["modelId"] ?? model?.["name"];
  return typeof name === "string" ? name.replace(/^(publishers\/\w+\/)?models\//, "") : undefined;
};
