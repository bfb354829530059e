import { systemClock } from "../lib/clock.ts";
import { Failure } from "../lib/errors.ts";
import { presentCloudCredential } from "./credentials/present-credential.ts";
import { type Endpoint, type EndpointCall, endpointOf } from "./endpoint.ts";
import { clientClosed, failureFromNetwork, neverConnected } from "./network-failure.ts";
import { readErrorText, readRetryAfter } from "./read-error.ts";
import type { Upstream } from "./upstream.ts";
import { failureFromAnswer, failureWithoutAnswer } from "./upstream-failure.ts";
import { type CheckedUrl, type UrlGuard, urlGuard } from "./url-guard.ts";

export type Ask = EndpointCall & {
  method?: "POST" | "GET";
  body?: string | Uint8Array;
  /** Of the dialect, such as `anthropic-version`, in small letters. Credential and connection are set here. */
  headers?: Readonly<Record<string, string>>;
  /** Sent only to upstreams that can be asked for the attempt's usage afterwards. */
  attemptId: string;
  /** Whose call it is, for upstreams of our own: they share queues fairly and prefixes within one tenant only. */
  tenant?: string;
  /** The client's: aborting it ends the call, and the body of an answer that has begun. */
  signal: AbortSignal;
  /** Until the head of the answer has arrived. The body is the caller's to time. */
  timeoutMs: number;
};

/** A body that brings nothing for this long is dead, whatever the caller waits for. */
const BODY_SILENCE_MS = 600_000;
/** Tokens are given out in a fraction of a second. */
const TOKEN_TIMEOUT_MS = 10_000;
/** How many addresses of a name are tried, when the connection itself fails. */
const ADDRESSES_MAX = 3;

/** Calls a provider. Returns only answers of status 2xx; everything else is thrown as a `Failure`. */
export async function ask(
  upstream: Upstream,
  call: Ask,
  guard: UrlGuard = urlGuard,
): Promise<Response> {
  const endpoint = await withCredential(upstream, call, endpointOf(upstream, call), guard);
  const checked = await resolve(upstream, endpoint.baseUrl, guard);
  if (call.signal.aborted) throw clientClosed(upstream, { dispatched: false });
  const response = await firstAnswer(upstream, call, { checked, endpoint });
  if (response.ok) return response;
  const body = await readErrorText(response);
  const retryAfterSeconds = readRetryAfter(response.headers, systemClock.nowMs());
  throw failureFromAnswer(upstream, { status: response.status, body, retryAfterSeconds });
}

/** Most credentials are in the endpoint's headers already. */
async function withCredential(
  upstream: Upstream,
  call: Ask,
  endpoint: Endpoint,
  guard: UrlGuard,
): Promise<Endpoint> {
  const { auth, baseUrl, path, headers } = endpoint;
  if (auth !== "aws" && auth !== "google-account") return endpoint;
  const method = call.method ?? "POST";
  const request = { method, url: baseUrl + path, headers, body: call.body };
  const send = (at: { url: string; form: Record<string, string> }) =>
    sendForm(upstream, call, at, guard);
  const shown = await presentCloudCredential(upstream, auth, { request, send });
  return { ...endpoint, headers: { ...headers, ...shown } };
}

/**
 * For a token that the call needs: the same checks, but no credential of the provider. Calls share the token, so one
 * client that leaves does not end it.
 */
function sendForm(
  { name, dialect, allowPrivate }: Upstream,
  { attemptId }: Ask,
  at: { url: string; form: Record<string, string> },
  guard: UrlGuard,
): Promise<Response> {
  const issuer: Upstream = {
    ...{ name, dialect, allowPrivate, baseUrl: at.url },
    credential: null,
    quirks: { auth: "none" },
  };
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams(at.form).toString();
  const signal = new AbortController().signal;
  const timeoutMs = TOKEN_TIMEOUT_MS;
  return ask(issuer, { path: "", headers, body, attemptId, signal, timeoutMs }, guard);
}

async function resolve(upstream: Upstream, baseUrl: string, guard: UrlGuard): Promise<CheckedUrl> {
  try {
    return await guard.resolve(baseUrl, { allowPrivate: upstream.allowPrivate });
  } catch (error) {
    const code = error instanceof Failure ? error.code : undefined;
    throw failureWithoutAnswer(upstream, "upstream", {
      message: `The provider '${upstream.name}' cannot be reached: its address cannot be resolved or is not allowed. An operator must check its base URL.`,
      code: "provider_unreachable",
      dispatched: false,
      detail: code ?? "address not resolved",
    });
  }
}

/** A name with several addresses: the next is tried only when nothing can have reached the one before. */
async function firstAnswer(
  upstream: Upstream,
  call: Ask,
  to: { checked: CheckedUrl; endpoint: Endpoint },
): Promise<Response> {
  const deadline = new Deadline(call);
  try {
    const urls = to.checked.urls.slice(0, ADDRESSES_MAX);
    for (const [index, url] of urls.entries()) {
      try {
        const init = requestFor(upstream, call, { ...to, deadline });
        return await fetch(`${url}${to.endpoint.path}`, init);
      } catch (error) {
        const isLast = index === urls.length - 1;
        if (isLast || deadline.signal.aborted || !neverConnected(error)) {
          throw failureFromNetwork(upstream, error, deadline);
        }
      }
    }
    throw new Error("a checked URL has at least one address");
  } finally {
    deadline.headArrived();
  }
}

function requestFor(
  upstream: Upstream,
  call: Ask,
  connection: { checked: CheckedUrl; endpoint: Endpoint; deadline: Deadline },
): BunFetchRequestInit {
  const { checked, endpoint, deadline } = connection;
  const headers: Record<string, string> = {
    "content-type": "application/json",
    ...call.headers,
    ...endpoint.headers,
    host: checked.host,
    // The tap reads the bytes as they pass, and a compressed answer could be a bomb.
    "accept-encoding": "identity",
    "user-agent": "baseload",
  };
  if (upstream.quirks.usage_lookup === true) {
    headers["x-baseload-attempt"] = call.attemptId;
    if (call.tenant !== undefined) headers["x-baseload-tenant"] = call.tenant;
  }
  const init: BunFetchRequestInit = {
    method: call.method ?? "POST",
    headers,
    signal: deadline.signal,
    redirect: "manual",
    // A proxy from the environment would choose the address that was just checked.
    proxy: false,
    timeout: Math.max(call.timeoutMs + 1_000, BODY_SILENCE_MS),
  };
  if (call.body !== undefined) init.body = call.body;
  if (checked.serverName !== undefined) init.tls = { serverName: checked.serverName };
  return init;
}

/** Ends the call when the client leaves, and, until the head has arrived, when the time is over. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #client: AbortSignal;
  readonly #timer: Timer;
  isOver = false;

  constructor(call: Ask) {
    this.#client = call.signal;
    call.signal.addEventListener("abort", () => this.#controller.abort(), { once: true });
    this.#timer = setTimeout(() => {
      this.isOver = true;
      this.#controller.abort();
    }, call.timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get clientLeft(): boolean {
    return this.#client.aborted;
  }

  /** The client's signal stays tied to the call: it ends the body, too. */
  headArrived(): void {
    clearTimeout(this.#timer);
  }
}
