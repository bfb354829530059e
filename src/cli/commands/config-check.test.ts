import { expect, test } from "bun:test";
import { runCommandLine as run } from "../../../test/support/run-command-line.ts";

test("a valid configuration needs nothing to run", async () => {
  const { code, json } = await run(["config", "check", "--port", "9080", "--no-model", "--json"]);

  expect(code).toBe(0);
  expect(json()).toEqual({ ok: true, problems: [], warnings: [] });
});

test("every problem is shown at once, and exits with 1", async () => {
  const variables = { BASELOAD_LOG_LEVEL: "loud", BASELOAD_GATEWAY: "2" };

  const { code, json } = await run(["config", "check", "--port=80a", "--json"], { variables });

  expect(code).toBe(1);
  expect(json()).toEqual({
    ok: false,
    problems: [
      "--port is '80a': must be a whole number from 1 to 65535",
      "BASELOAD_LOG_LEVEL is 'loud': must be one of debug, info, warn, error",
    ],
    warnings: ["BASELOAD_GATEWAY is not known and has no effect. Did you mean BASELOAD_GATEWAYS?"],
  });
  const { out } = await run(["config", "check", "--port=80a"], { variables });
  expect(out.split("\n")).toHaveLength(5);
});
