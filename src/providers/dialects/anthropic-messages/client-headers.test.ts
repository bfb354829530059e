import { expect, test } from "bun:test";
import { Failure } from "../../../lib/errors.ts";
import { clientHeaders } from "./client-headers.ts";

test("version and betas go on, nothing else does", () => {
  const headers = new Headers({
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219, context-1m-2025-08-07,",
    "anthropic-workspace-id": "wrkspc_1",
    "anthropic-dangerous-direct-browser-access": "true",
    "x-api-key": "bl_secret",
    authorization: "Bearer bl_secret",
    "x-claude-code-session-id": "1f91",
    cookie: "a=b",
  });

  expect(clientHeaders(headers)).toEqual({
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,context-1m-2025-08-07",
  });
  expect(clientHeaders(new Headers())).toEqual({});
});

test("what no client sends is refused", () => {
  const refused = (header: Record<string, string>) =>
    expect(() => clientHeaders(new Headers(header))).toThrow(Failure);

  refused({ "anthropic-beta": "a b" });
  refused({ "anthropic-beta": "x".repeat(200) });
  refused({ "anthropic-beta": Array(100).fill("a").join(",") });
  refused({ "anthropic-version": "2023;06" });
});
