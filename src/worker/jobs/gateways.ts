/** The gateways of this machine, as the worker calls them: by their private sockets, on behalf of a key. */
import type { Clock } from "../../lib/clock.ts";
import type { ServiceTier } from "../../lib/service-tiers.ts";
import { isRefused, listProcesses, processSocketOf } from "../../platform/process-sockets.ts";

export type PrivateCall = {
  requestId: string;
  jobId: string;
  keyId: string;
  serviceTier: ServiceTier;
  path: string;
  body: string;
};

export type PrivateAnswer =
  /** It is charged, and stored. */
  | { outcome: "kept" }
  | {
      outcome: "refused";
      status: number;
      code: string | undefined;
      body: string;
      retryAfterMs: number | undefined;
    }
  /** The connection broke: what became of it, only the database knows. */
  | { outcome: "lost" }
  /** No gateway listens: it was not sent. */
  | { outcome: "unreached" };

export type GatewaysOptions = {
  runFolder: string;
  internalToken: string;
  clock: Clock;
};

/** A look into the folder is cheap, but not for each of thousands of lines. */
const LIST_MS = 500;
/** Gateways have limits of their own, all of them shorter. */
const CALL_MS = 2 * 3_600_000;
const ASK_MS = 2_000;
const NOT_FOUND = 404;

export class Gateways {
  readonly #options: GatewaysOptions;
  #ids: string[] = [];
  #listedMs = Number.NEGATIVE_INFINITY;
  #next = 0;

  constructor(options: GatewaysOptions) {
    this.#options = options;
  }

  /** Goes round, so that all gateways share the work; passes over those that have ended. */
  async call(call: PrivateCall): Promise<PrivateAnswer> {
    const ids = await this.#list();
    for (let i = 0; i < ids.length; i++) {
      const id = ids[this.#next++ % ids.length] ?? "";
      const answer = await this.#callOne(id, call);
      if (answer.outcome !== "unreached") return answer;
      this.#listedMs = Number.NEGATIVE_INFINITY;
    }
    return { outcome: "unreached" };
  }

  /** Whether that gateway still works on a call that it has begun. False also when it has died. */
  async isUnderWay(gatewayId: string, requestId: string): Promise<boolean> {
    try {
      const response = await this.#fetch(gatewayId, `/runs/${requestId}`, {
        signal: AbortSignal.timeout(ASK_MS),
      });
      return response.status !== NOT_FOUND;
    } catch (error) {
      // A process that cannot answer in time may still work.
      return !isRefused(error);
    }
  }

  /** Ends a call that is under way; without an answer, if there was none yet. */
  async cancel(requestId: string): Promise<void> {
    for (const id of await this.#list()) {
      await this.#fetch(id, `/runs/${requestId}`, {
        method: "DELETE",
        signal: AbortSignal.timeout(ASK_MS),
      }).catch(() => undefined);
    }
  }

  async #callOne(id: string, call: PrivateCall): Promise<PrivateAnswer> {
    try {
      const response = await this.#fetch(id, call.path, {
        method: "POST",
        body: call.body,
        headers: {
          "content-type": "application/json",
          "x-baseload-request": call.requestId,
          "x-baseload-job": call.jobId,
          "x-baseload-key": call.keyId,
          "x-baseload-service-tier": call.serviceTier,
        },
        signal: AbortSignal.timeout(CALL_MS),
        timeout: CALL_MS,
      });
      return await readAnswer(response);
    } catch (error) {
      return { outcome: isRefused(error) ? "unreached" : "lost" };
    }
  }

  #fetch(id: string, path: string, init: BunFetchRequestInit): Promise<Response> {
    return fetch(`http://gateway${path}`, {
      ...init,
      headers: {
        ...(init.headers as Record<string, string> | undefined),
        authorization: `Bearer ${this.#options.internalToken}`,
      },
      unix: processSocketOf(this.#options.runFolder, id),
      // On a connection of its own: a request on a kept one may be sent a second time when that one breaks.
      keepalive: false,
    });
  }

  async #list(): Promise<readonly string[]> {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#listedMs < LIST_MS) return this.#ids;
    this.#ids = await listProcesses(this.#options.runFolder);
    this.#listedMs = nowMs;
    return this.#ids;
  }
}

/** A run that has a row already: the row tells what became of it. */
const BEGUN_BEFORE = "run_begun_before";

async function readAnswer(response: Response): Promise<PrivateAnswer> {
  const body = await response.text();
  if (response.headers.get("x-baseload-kept") === "true") return { outcome: "kept" };
  // Not from the body: every dialect has its own place for it there.
  const code = response.headers.get("x-baseload-error-code") ?? undefined;
  if (code === BEGUN_BEFORE) return { outcome: "lost" };
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  return {
    outcome: "refused",
    status: response.status,
    code,
    body,
    retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1_000 : undefined,
  };
}
