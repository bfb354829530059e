import { describe, expect, test } from "bun:test";
import { checkConfig, readConfig, toVariables } from "./env.ts";
import { readFields } from "./fields.ts";
import { renderConfigReference } from "./reference.ts";

describe("readConfig", () => {
  test("needs nothing: every field has a default", () => {
    const config = readConfig({ variables: {} });

    expect(config).toMatchObject({ port: 8080, controlPort: 8081, bindAddress: "127.0.0.1" });
    expect(config.home).toEndWith("/.baseload");
    expect(config.gateways).toBeGreaterThanOrEqual(2);
    expect(config.database.url).toBeUndefined();
  });

  test("names variables and flags after the fields", () => {
    const config = readConfig({
      variables: {
        DATABASE_URL: "postgres://localhost/x",
        BASELOAD_DATABASE_POOL_SIZE: "5",
        BASELOAD_LEASE_TTL_MS: "30000",
        BASELOAD_LOG_LEVEL: "debug",
      },
      flags: { "--control-port": "9001", "--lease-margin-ms": "2000" },
    });

    expect(config.database).toEqual({ url: "postgres://localhost/x", poolSize: 5 });
    expect(config.lease).toMatchObject({ ttlMs: 30_000, marginMs: 2_000 });
    expect(config.log.level).toBe("debug");
    expect(config.controlPort).toBe(9001);
  });

  test("can be handed on to another process as variables", () => {
    const config = readConfig({
      variables: { DATABASE_URL: "postgres://localhost/x" },
      flags: { "--lease-ttl-ms": "20000", "--gateways": "3", "--home": "/tmp/x" },
    });

    expect(readConfig({ variables: toVariables(config) })).toEqual(config);
  });

  test("a flag wins over a variable", () => {
    const config = readConfig({
      variables: { BASELOAD_PORT: "9000" },
      flags: { "--port": "9100" },
    });

    expect(config.port).toBe(9100);
  });

  test("an empty variable counts as not set", () => {
    expect(readConfig({ variables: { BASELOAD_PORT: "" } }).port).toBe(8080);
  });

  test("reports all problems at once, by the name the reader has used", () => {
    const read = () =>
      readConfig({
        variables: {
          BASELOAD_PORT: "80a",
          BASELOAD_LOG_LEVEL: "loud",
          DATABASE_URL: "mysql://u:pw@h",
        },
        flags: { "--gateways": "0", "--prot": "1" },
      });

    expect(read).toThrow(
      [
        "The configuration is not valid:",
        "  --prot is not known. Did you mean --port?",
        "  BASELOAD_PORT is '80a': must be a whole number from 1 to 65535",
        "  --gateways is '0': must be a whole number from 1 to 64",
        "  DATABASE_URL: must begin with postgres://",
        "  BASELOAD_LOG_LEVEL is 'loud': must be one of debug, info, warn, error",
      ].join("\n"),
    );
  });

  test.each([["8e3"], ["0x50"], [" 80"], ["80.5"], ["999999999999999999"], ["tcp://10.0.0.1:80"]])(
    "does not take %p for a number",
    (text) => {
      expect(checkConfig({ variables: { BASELOAD_PORT: text } }).problems).toHaveLength(1);
    },
  );

  test("refuses fields that contradict each other", () => {
    const { problems } = checkConfig({
      variables: {
        BASELOAD_PORT: "9000",
        BASELOAD_CONTROL_PORT: "9000",
        BASELOAD_LEASE_MARGIN_MS: "40000",
      },
    });

    expect(problems).toHaveLength(2);
  });

  test("warns about a variable that has no effect, but not about those that others set", () => {
    const { warnings, config } = checkConfig({
      variables: {
        BASELOAD_GATEWAY: "4",
        BASELOAD_SERVICE_HOST: "10.0.0.1",
        BASELOAD_API_KEY: "x",
      },
    });

    expect(config).toBeDefined();
    expect(warnings).toEqual([
      "  BASELOAD_GATEWAY is not known and has no effect. Did you mean BASELOAD_GATEWAYS?",
    ]);
  });
});

describe("the reference", () => {
  test("describes every field, with its default and its bounds", () => {
    const reference = renderConfigReference();
    const fields = readFields();

    expect(fields.length).toBeGreaterThan(20);
    for (const field of fields) {
      expect(reference).toContain(`\`${field.variable}\``);
      expect(field.description).toEndWith(".");
      expect(field.defaultText).not.toBe("");
    }
  });

  test("does not depend on the machine it was made on", () => {
    expect(renderConfigReference()).not.toContain(process.env["HOME"] ?? "/root");
  });
});
