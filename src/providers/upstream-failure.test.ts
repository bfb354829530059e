import { describe, expect, test } from "bun:test";
import { Failure, toErrorBody } from "../lib/errors.ts";
import type { Upstream } from "./upstream.ts";
import {
  failureFromAnswer,
  failureFromErrorObject,
  isWorthAnotherTry,
  mayHaveBeenDispatched,
} from "./upstream-failure.ts";

const upstream: Upstream = {
  name: "acme",
  dialect: "openai-chat",
  baseUrl: "https://api.acme.example/v1",
  credential: "sk-live-4f9a8b7c6d",
  allowPrivate: false,
  quirks: {},
};

const openAiError = (error: Record<string, unknown>): string => JSON.stringify({ error });
const answer = (status: number, body = "", retryAfterSeconds?: number): Failure =>
  failureFromAnswer(upstream, { status, body, retryAfterSeconds });

describe("what a provider's status becomes", () => {
  // [provider's status, our status, worth another try]
  const cases: [number, number, boolean][] = [
    [301, 502, true],
    [307, 502, true],
    [400, 400, false],
    [401, 502, true],
    [402, 502, true],
    [403, 502, true],
    [404, 502, true],
    [408, 504, true],
    [409, 409, false],
    [413, 413, false],
    [415, 415, false],
    [418, 502, true],
    [422, 422, false],
    [429, 429, true],
    [500, 502, true],
    [502, 502, true],
    [503, 503, true],
    [504, 504, true],
    [524, 504, true],
    [529, 503, true],
  ];
  for (const [status, ours, again] of cases) {
    test(`${status} → ${ours}${again ? ", worth another try" : ""}`, () => {
      const failure = answer(status, "<html>oops</html>");
      expect(failure.status).toBe(ours);
      expect(isWorthAnotherTry(failure)).toBe(again);
      expect(mayHaveBeenDispatched(failure)).toBe(true);
      expect(failure.message).toContain("acme");
    });
  }

  test("a 4xx without a rule keeps its status when it is in the dialect's shape", () => {
    expect(answer(451, openAiError({ message: "Not in your country." })).status).toBe(451);
  });

  test("an empty account is the operator's trouble, even when the provider calls it a rate limit", () => {
    const failure = answer(429, openAiError({ message: "…", code: "insufficient_quota" }));
    expect([failure.status, failure.code]).toEqual([502, "provider_out_of_credit"]);
  });

  const byCode: [status: number, error: Record<string, unknown>, code: string][] = [
    [429, { code: "exceeded_current_quota_error" }, "provider_out_of_credit"],
    [429, { code: 1113, message: "Insufficient balance" }, "provider_out_of_credit"],
    [400, { code: "Arrearage" }, "provider_out_of_credit"],
    [403, { code: "AccountOverdueError" }, "provider_out_of_credit"],
    [
      400,
      { code: 400, status: "INVALID_ARGUMENT", details: [{ reason: "API_KEY_INVALID" }] },
      "provider_credential_refused",
    ],
  ];
  for (const [status, error, code] of byCode) {
    test(`${status} with ${JSON.stringify(error)} is what its code says`, () => {
      const failure = answer(status, openAiError({ message: "…", ...error }));
      expect([failure.status, failure.code, isWorthAnotherTry(failure)]).toEqual([502, code, true]);
    });
  }

  test("a wrong key is the operator's trouble, even when the provider calls it a bad request", () => {
    const body = JSON.stringify({ code: "Invalid argument", error: "Incorrect API key provided" });
    expect(answer(400, body).code).toBe("provider_credential_refused");
    const other = JSON.stringify({ code: "Invalid argument", error: "Unknown field 'x'" });
    expect(answer(400, other)).toMatchObject({ status: 400, code: "Invalid argument" });
  });

  test("a code that is a word of the language is no rule", () => {
    const failure = answer(400, openAiError({ message: "…", code: "constructor" }));
    expect([failure.status, failure.code]).toEqual([400, "constructor"]);
  });

  test("how long to wait is kept", () => {
    expect(answer(429, "", 7).retryAfterSeconds).toBe(7);
    expect(answer(503, "", 30).retryAfterSeconds).toBe(30);
  });
});

describe("the provider's words", () => {
  test("about a bad request reach the client, with parameter and code", () => {
    const body = openAiError({
      message: "This model's maximum context length is 8192 tokens.",
      type: "invalid_request_error",
      param: "messages",
      code: "context_length_exceeded",
    });
    expect(toErrorBody(answer(400, body))).toEqual({
      error: {
        message: "This model's maximum context length is 8192 tokens.",
        type: "invalid_request_error",
        param: "messages",
        code: "context_length_exceeded",
      },
    });
  });

  const shapes: [string, string][] = [
    ["an error of text", '{"error":"bad temperature"}'],
    ["an error without a wrapper", '{"object":"error","message":"bad temperature","code":400}'],
    ["a list", '[{"error":{"message":"bad temperature"}}]'],
    ["a detail", '{"detail":"bad temperature"}'],
  ];
  for (const [name, body] of shapes) {
    test(`are found in ${name}`, () => expect(answer(400, body).message).toBe("bad temperature"));
  }

  const secrets: [string, string][] = [
    ["the provider's key", "The key sk-live-4f9a8b7c6d may not use this model."],
    ["its host", "No route at API.ACME.EXAMPLE for this."],
    ["an address", "upstream connect error to 10.0.0.5:8000"],
    ["a masked key", "The key sk-abc***xyz is of no use here."],
    ["another key", "Key sk-other-12345678 is wrong."],
    ["a header", "Got header Authorization: Bearer abc"],
  ];
  for (const [name, message] of secrets) {
    test(`are kept back when they hold ${name}`, () => {
      const failure = answer(400, openAiError({ message, param: message, code: message }));
      expect(failure.message).toBe("The provider 'acme' refused the request (status 400).");
      expect([failure.param, failure.code]).toEqual([undefined, undefined]);
      expect(JSON.stringify(failure.cause)).not.toContain(message);
    });
  }

  test("about itself stay here", () => {
    const body = openAiError({
      message: "Rate limit reached for organization org-1234.",
      code: "x",
    });
    for (const status of [401, 403, 404, 429, 500, 503]) {
      expect(answer(status, body).message).not.toContain("org-1234");
    }
  });

  test("are cut to a sane length", () => {
    const body = openAiError({ message: "x".repeat(50_000) });
    expect(answer(400, body).message).toHaveLength(1_000);
  });

  test("never make the log: the cause holds status and code only", () => {
    const body = openAiError({
      message: "The prompt 'my secret diary' is refused.",
      code: "refused",
    });
    expect(answer(400, body).cause).toEqual({
      upstream: "acme",
      dispatched: true,
      status: 400,
      detail: "status 400, code refused",
    });
  });
});

describe("an error under status 200", () => {
  test("is ruled by the status it names", () => {
    const status = (error: unknown): number => failureFromErrorObject(upstream, error).status;
    expect(status({ message: "slow down", code: 429 })).toBe(429);
    expect(status({ message: "bad", code: "400" })).toBe(400);
    expect(status({ message: "boom", code: "server_error" })).toBe(502);
    expect(status({ message: "Overloaded", type: "overloaded_error" })).toBe(503);
    expect(status({ message: "slow down", type: "rate_limit_error" })).toBe(429);
    expect(status("boom")).toBe(502);
  });

  test("does not tell the client about the provider", () => {
    const failure = failureFromErrorObject(upstream, { message: "GPU 3 at 10.1.1.1 is on fire" });
    expect(failure.message).toBe("The provider 'acme' failed (status 500). Try again later.");
  });
});

test("an empty account is the operator's to fill, even where the provider calls it a bad request", () => {
  const message = "Your credit balance is too low to access the Anthropic API.";
  const failure = answer(400, openAiError({ type: "invalid_request_error", message }));

  expect(failure.code).toBe("provider_out_of_credit");
  expect(isWorthAnotherTry(failure)).toBe(true);
});

describe("other errors", () => {
  test("bugs are not tried again, and count as dispatched", () => {
    expect(isWorthAnotherTry(new Error("bug"))).toBe(false);
    expect(mayHaveBeenDispatched(new Error("bug"))).toBe(true);
    expect(mayHaveBeenDispatched(new Failure("upstream", "…"))).toBe(true);
  });
});
