/**
 * Two kinds of error. A `Failure` is expected: a closed `kind`, and a message that tells the reader what
 * to do next. Anything else is a bug: `assert` throws it, the stack is logged, the client sees a 500.
 */

/** HTTP status and OpenAI's `error.type` for each kind; the single place where kinds meet the wire. */
export const failureKinds = {
  invalid: { status: 400, type: "invalid_request_error" },
  unauthenticated: { status: 401, type: "authentication_error" },
  insufficient_funds: { status: 402, type: "insufficient_quota" },
  forbidden: { status: 403, type: "permission_error" },
  not_found: { status: 404, type: "invalid_request_error" },
  conflict: { status: 409, type: "invalid_request_error" },
  too_large: { status: 413, type: "invalid_request_error" },
  blocked: { status: 422, type: "invalid_request_error" },
  rate_limited: { status: 429, type: "rate_limit_error" },
  upstream: { status: 502, type: "upstream_error" },
  overloaded: { status: 503, type: "overloaded_error" },
  timeout: { status: 504, type: "timeout_error" },
} as const;

export type FailureKind = keyof typeof failureKinds;

export type FailureDetails = {
  /** Machine-readable cause, OpenAI's `error.code`, such as `context_length_exceeded`. */
  code?: string;
  /** The field of the request that is wrong, OpenAI's `error.param`. */
  param?: string;
  retryAfterSeconds?: number;
  /** Overrides the status of the kind, where an upstream's own status class must be kept. */
  status?: number;
  /** For logs only, never for clients. */
  cause?: unknown;
};

export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: FailureKind;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly status: number;

  constructor(kind: FailureKind, message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.code = details.code;
    this.param = details.param;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.status = details.status ?? failureKinds[kind].status;
  }
}

/** The OpenAI error body: https://platform.openai.com/docs/guides/error-codes */
export function toErrorBody(failure: Failure): {
  error: { message: string; type: string; param: string | null; code: string | null };
} {
  return {
    error: {
      message: failure.message,
      type: failureKinds[failure.kind].type,
      param: failure.param ?? null,
      code: failure.code ?? null,
    },
  };
}

/** Ends the request or the process when something that must not happen happens. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
