import { Failure, type FailureDetails, type FailureKind } from "../lib/errors.ts";
import { secretsIn } from "./credentials/cloud-credential.ts";
import { readWireError, type WireError } from "./dialects/openai-chat/errors.ts";
import { addressesOf } from "./endpoint.ts";
import { ruleForStatus, statusOfWord } from "./status-rules.ts";
import type { Upstream } from "./upstream.ts";

/** The `cause` of every `Failure` of a call to a provider. For logs and settlement, never for clients. */
export type UpstreamCause = {
  upstream: string;
  /** False only when it is certain that the upstream saw nothing of the request: it can have cost nothing. */
  dispatched: boolean;
  /** The upstream's own HTTP status, when it answered. */
  status?: number;
  /** What happened, without credential, address and the client's words. */
  detail: string;
};

/** The code of the failure when the client's own signal ended the call. Nobody reads that answer. */
export const CLIENT_CLOSED = "client_closed_request";

/** A provider's message is passed on up to this length: enough for a sentence and a list of names. */
const MESSAGE_CHARS_MAX = 1_000;
const WORD_CHARS_MAX = 200;

const PROVIDERS_FAULT: readonly FailureKind[] = [
  "upstream",
  "overloaded",
  "timeout",
  "rate_limited",
];
const CLIENTS_FAULT: readonly FailureKind[] = ["invalid", "conflict", "too_large"];

/** Whether the next attempt of a plan may do better: yes for the provider's faults, no for the client's. */
export function isWorthAnotherTry(error: unknown): boolean {
  if (!(error instanceof Failure) || error.code === CLIENT_CLOSED) return false;
  return PROVIDERS_FAULT.includes(error.kind);
}

/** Whether the upstream may have worked on the attempt that ended so. Unknown errors count as yes. */
export function mayHaveBeenDispatched(error: unknown): boolean {
  const cause = error instanceof Failure ? error.cause : undefined;
  const isKnown = typeof cause === "object" && cause !== null && "dispatched" in cause;
  return !isKnown || cause.dispatched !== false;
}

/** The failure for an answer that is not 2xx. `body` is its text, which may be cut off. */
export function failureFromAnswer(
  upstream: Upstream,
  answer: { status: number; body: string; retryAfterSeconds: number | undefined },
): Failure {
  return failureFromWire(upstream, readWireError(parseJson(answer.body)), answer);
}

/** The failure for an error object that came under status 200: in the middle of a stream, or as a body. */
export function failureFromErrorObject(upstream: Upstream, error: unknown): Failure {
  const wire = readWireError({ error });
  const code = Number(wire?.code);
  const status = code >= 400 && code <= 599 ? code : statusOfWord(wire?.code);
  return failureFromWire(upstream, wire, { status, retryAfterSeconds: undefined });
}

function failureFromWire(
  upstream: Upstream,
  error: WireError | undefined,
  answer: { status: number; retryAfterSeconds: number | undefined },
): Failure {
  const rule = ruleForStatus(answer.status, error);
  // What the provider says about a bad request helps the client; what it says about itself is ours alone.
  const told = CLIENTS_FAULT.includes(rule.kind) ? error : undefined;
  const wireCode = withoutSecrets(upstream, error?.code, WORD_CHARS_MAX);
  const cause: UpstreamCause = {
    upstream: upstream.name,
    dispatched: true,
    status: answer.status,
    detail: `status ${answer.status}, code ${wireCode ?? "none"}`,
  };
  const details: FailureDetails = { cause };
  const code = rule.code ?? wireCode;
  const param = withoutSecrets(upstream, told?.param, WORD_CHARS_MAX);
  if (rule.status !== undefined) details.status = rule.status;
  if (code !== undefined) details.code = code;
  if (param !== undefined) details.param = param;
  if (answer.retryAfterSeconds !== undefined) details.retryAfterSeconds = answer.retryAfterSeconds;
  const message = withoutSecrets(upstream, told?.message, MESSAGE_CHARS_MAX);
  return new Failure(rule.kind, message ?? rule.message(upstream.name), details);
}

/** A failure without an answer of the upstream. */
export function failureWithoutAnswer(
  upstream: { name: string },
  kind: FailureKind,
  told: { message: string; code: string; dispatched: boolean; detail: string; status?: number },
): Failure {
  const { message, dispatched, detail, ...details } = told;
  const cause: UpstreamCause = { upstream: upstream.name, dispatched, detail };
  return new Failure(kind, message, { ...details, cause });
}

/** Addresses, masked keys, and keys by their usual beginnings, whoever they belong to. */
const LOOKS_SECRET =
  /\b\d{1,3}(\.\d{1,3}){3}\b|\*{3,}|\b(sk|pk|rk|key|bl)[-_][\w-]{8,}|\bbearer\s/i;

/** The provider's text, or nothing when it holds its key or its address. */
function withoutSecrets(
  upstream: Upstream,
  text: string | undefined,
  charsMax: number,
): string | undefined {
  if (text === undefined) return undefined;
  const lower = text.toLowerCase();
  const hosts = addressesOf(upstream).map(({ url }) => URL.parse(url)?.hostname);
  const own = upstream.credential === null ? [] : secretsIn(upstream.credential);
  const secrets = [...own, ...hosts].filter(
    (secret) => secret !== null && secret !== undefined && secret !== "",
  );
  const tells = secrets.some((secret) => lower.includes(String(secret).toLowerCase()));
  return tells || LOOKS_SECRET.test(text) ? undefined : text.slice(0, charsMax);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
