import { timingSafeEqual } from "node:crypto";
import { Failure } from "../lib/errors.ts";
import { RecentSet } from "../lib/recent-set.ts";
import { answerChat } from "./answer-chat.ts";
import { answerOperation } from "./operations/answer-operation.ts";
import { type SimulatedOperation, simulatedOperations } from "./operations/operations.ts";
import { readOperation } from "./operations/read-operation.ts";
import { readSandboxRequest } from "./read-request.ts";
import { toErrorResponse } from "./refusal.ts";
import { scriptsOfModels } from "./script.ts";
import { Served, toLookedUp } from "./served.ts";

export type SandboxOptions = {
  port: number;
  hostname: string;
  /** Callers must send it as `authorization: Bearer`; null lets everybody in, for tests on loopback. */
  token: string | null;
  /** A folder of raw answers, for requests whose script names one. */
  fixtures?: string;
  /** A file that keeps the count of what was served; it survives the sandbox's own death. */
  log?: string;
  /** Attempts remembered for `GET /v1/attempts/<id>`; the oldest are forgotten. */
  attemptsMax?: number;
};

export type Sandbox = {
  /** The base URL, ending in `/v1`. */
  url: string;
  port: number;
  stop(): Promise<void>;
};

/** A request that is overtaken by the question about it comes within seconds, if it comes at all. */
const DENIED_MAX = 10_000;
/** 40 MB or so of memory. */
const ATTEMPTS_MAX = 200_000;
/** A form with several images. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;
const ATTEMPT_ID = /^[\w-]{1,100}$/;

/**
 * A simulated provider that speaks OpenAI's API, like a payment company's test mode: answers, counts,
 * delays and faults are scripted by the request, and it knows what it really served.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const served = new Served({
    attemptsMax: options.attemptsMax ?? ATTEMPTS_MAX,
    log: options.log,
  });
  const handlers = new Handlers(options, served);
  const server = Bun.serve({
    port: options.port,
    hostname: options.hostname,
    // A slow model is silent for long; whoever calls decides when that is too long.
    idleTimeout: 0,
    maxRequestBodySize: BODY_BYTES_MAX,
    routes: {
      ...operationRoutes(handlers),
      "/v1/chat/completions": { POST: (request) => handlers.chat(request) },
      "/v1/models": { GET: (request) => handlers.models(request) },
      "/v1/attempts/:id": { GET: (request) => handlers.attempt(request, request.params.id) },
      "/v1/served": { GET: (request) => handlers.served(request) },
    },
    fetch: (request) => toErrorResponse(unknownPath(request)),
  });
  const port = server.port ?? options.port;
  return {
    url: `http://${options.hostname}:${port}/v1`,
    port,
    stop: async () => {
      await server.stop(true);
      served.close();
    },
  };
}

function operationRoutes(handlers: Handlers) {
  const routes: Record<string, { POST(request: Request): Promise<Response> }> = {};
  for (const [path, operation] of Object.entries(simulatedOperations)) {
    routes[path] = { POST: (request) => handlers.operation(request, operation) };
  }
  return routes;
}

class Handlers {
  readonly #token: Buffer | undefined;
  readonly #fixtures: string | undefined;
  readonly #served: Served;
  readonly #denied = new RecentSet(DENIED_MAX);
  #calls = 0;

  constructor(options: SandboxOptions, served: Served) {
    this.#token = options.token === null ? undefined : Buffer.from(`Bearer ${options.token}`);
    this.#fixtures = options.fixtures;
    this.#served = served;
  }

  async chat(request: Request): Promise<Response> {
    return await this.#answer(request, async (id) => {
      const chat = readSandboxRequest(await request.text());
      const { signal } = request;
      const fixtures = this.#fixtures;
      return await answerChat({ id, request: chat, signal, served: this.#served, fixtures });
    });
  }

  async operation(request: Request, { plan, model }: SimulatedOperation): Promise<Response> {
    return await this.#answer(request, async (id) => {
      const asked = await readOperation(request, model);
      const { signal } = request;
      return await answerOperation({ id, request: asked, signal, served: this.#served }, plan);
    });
  }

  models(request: Request): Response {
    return this.#read(request, () => ({
      object: "list",
      data: [...scriptsOfModels.keys()].map((id) => ({
        id,
        object: "model",
        created: 1_750_000_000,
        owned_by: "sandbox",
      })),
    }));
  }

  attempt(request: Request, id: string): Response {
    return this.#read(request, () => {
      const attempt = this.#served.find(id);
      if (attempt === undefined) {
        // It was settled as nothing on our word: if it still comes, it must not be served.
        this.#denied.add(id);
        throw new Failure("not_found", `The sandbox has not seen the attempt '${id}'.`);
      }
      return { state: attempt.state, usage: toLookedUp(attempt) };
    });
  }

  /** `?attempts=false` leaves out the list, which can be long. */
  served(request: Request): Response {
    const isShort = new URL(request.url).searchParams.get("attempts") === "false";
    return this.#read(request, () => ({
      ...this.#served.totals,
      ...(isShort ? {} : { attempts: [...this.#served.attempts] }),
    }));
  }

  async #answer(request: Request, answer: (id: string) => Promise<Response>): Promise<Response> {
    try {
      this.#authenticate(request);
      this.#calls += 1;
      const id = readAttemptId(request) ?? `call-${this.#calls}`;
      if (this.#denied.has(id)) {
        throw new Failure("conflict", `The attempt '${id}' was asked for before it came.`);
      }
      return await answer(id);
    } catch (error) {
      return toResponse(error);
    }
  }

  #read(request: Request, read: () => unknown): Response {
    try {
      this.#authenticate(request);
      return Response.json(read());
    } catch (error) {
      return toResponse(error);
    }
  }

  #authenticate(request: Request): void {
    if (this.#token === undefined) return;
    const given = Buffer.from(request.headers.get("authorization") ?? "");
    if (given.length === this.#token.length && timingSafeEqual(given, this.#token)) return;
    throw new Failure(
      "unauthenticated",
      "The sandbox needs its token as 'authorization: Bearer …'.",
      {
        code: "invalid_api_key",
      },
    );
  }
}

function readAttemptId(request: Request): string | undefined {
  const id = request.headers.get("x-baseload-attempt");
  if (id === null) return undefined;
  if (ATTEMPT_ID.test(id)) return id;
  throw new Failure("invalid", "x-baseload-attempt must be an id of letters, digits, '_' and '-'.");
}

function toResponse(error: unknown): Response {
  if (error instanceof Failure) return toErrorResponse(error);
  throw error;
}

function unknownPath(request: Request): Failure {
  const { pathname } = new URL(request.url);
  return new Failure(
    "not_found",
    `${request.method} ${pathname} does not exist. The sandbox has POST /v1/chat/completions, ${Object.keys(simulatedOperations).join(", ")}, GET /v1/models, GET /v1/attempts/<id> and GET /v1/served.`,
  );
}
