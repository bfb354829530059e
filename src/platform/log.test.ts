import { describe, expect, test } from "bun:test";
import { createLog, type LogLevel } from "./log.ts";

const clock = { nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6), monotonicMs: () => 0 };

function recordingLog(level: LogLevel = "debug") {
  const lines: string[] = [];
  const log = createLog({ role: "gateway", level, clock, sink: (line) => lines.push(line) });
  const last = () => JSON.parse(lines.at(-1) ?? "null") as Record<string, unknown>;
  return { log, lines, last };
}

describe("the log", () => {
  test("writes one JSON object for each line", () => {
    const { log, last } = recordingLog();

    log.child({ gateway_id: "g1" }).info("a lease was opened", { amountNanos: 12n, isFirst: true });

    expect(last()).toEqual({
      at: "2026-01-02T03:04:05.006Z",
      level: "info",
      role: "gateway",
      message: "a lease was opened",
      gateway_id: "g1",
      amountNanos: "12",
      isFirst: true,
    });
  });

  test("leaves out what is below its level", () => {
    const { log, lines } = recordingLog("warn");

    log.debug("a");
    log.info("b");
    log.warn("c");
    log.error("d");

    expect(lines).toHaveLength(2);
  });

  test.each([
    "password",
    "admin_token",
    "internalToken",
    "authorization",
    "apiKey",
    "seal_key",
    "key_pepper",
    "client_secret",
  ])("hides the field %s", (name) => {
    const { log, lines } = recordingLog();

    log.info("x", { nested: { [name]: "open sesame" } });

    expect(lines.join()).not.toContain("sesame");
  });

  test.each(["input_tokens", "max_tokens", "key_id", "tokensMax"])("shows the field %s", (name) => {
    const { log, last } = recordingLog();

    log.info("x", { [name]: 7 });

    expect(last()[name]).toBe(7);
  });

  test.each([
    "bl_liveabcd12345678_0123456789abcdefghijABCDEFGHIJKL_a1B2c3",
    "Bearer abcdef0123456789",
    "sk-proj-0123456789abcdef",
    "postgres://baseload:hunter2hunter2@/baseload?host=x",
  ])("hides a secret inside a text: %s", (secret) => {
    const { log, lines } = recordingLog();

    log.error(`failed with ${secret}`, { error: new Error(`no ${secret}`, { cause: secret }) });

    expect(lines.join()).not.toMatch(/0123456789abcdef|hunter2|abcdef0123456789/);
  });

  test("says what an error was, with its cause", () => {
    const { log, last } = recordingLog();

    log.error("x", { error: new Error("outer", { cause: new TypeError("inner") }) });

    expect(last()["error"]).toMatchObject({
      name: "Error",
      message: "outer",
      cause: { name: "TypeError", message: "inner" },
    });
  });

  test("survives what cannot be written as JSON", () => {
    const { log, lines } = recordingLog();
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;

    log.info("x", { loop, long: "y".repeat(100_000), undefinedValue: undefined });

    expect(lines[0]?.length).toBeLessThan(5_000);
  });
});
