import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  errorOf,
  secrets,
  startTestControl,
  type TestControl,
} from "../../test/support/control.ts";
import { silentLog } from "../platform/log.ts";
import { startControl } from "./start.ts";

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
});
afterAll(async () => {
  const { logged } = control;
  await control[Symbol.asyncDispose]();
  expect(logged).toEqual([]);
});

const authorization = `Bearer ${secrets.admin_token}`;
const json = { authorization, "content-type": "application/json" };

describe("the operator's token", () => {
  const refused: readonly [name: string, headers: Record<string, string>, says: string][] = [
    ["missing", {}, "needs the operator's token"],
    ["empty", { authorization: "Bearer " }, "needs the operator's token"],
    ["of another scheme", { authorization: `Basic ${secrets.admin_token}` }, "needs the operator"],
    ["wrong", { authorization: "Bearer wrong" }, "not the operator's token"],
    ["cut", { authorization: authorization.slice(0, -1) }, "not the operator's token"],
    ["a key", { authorization: "Bearer bl_live0000000000ab_x_y" }, "key for the data plane"],
    ["very long", { authorization: `Bearer ${"x".repeat(8_000)}` }, "not the operator's token"],
  ];

  for (const [name, headers, says] of refused) {
    test(`that is ${name} opens nothing`, async () => {
      const answered = await control.send("/api/v1/organizations", { headers });

      expect(answered.status).toBe(401);
      expect(answered.headers.get("www-authenticate")).toBe("Bearer");
      expect(errorOf(answered)).toMatchObject({
        type: "authentication_error",
        code: "invalid_admin_token",
      });
      expect(errorOf(answered).message).toContain(says);
      expect(JSON.stringify(answered.body)).not.toContain(secrets.admin_token.slice(0, 20));
    });
  }

  test("is checked before the body and the schema are looked at", async () => {
    const answered = await control.send("/api/v1/keys", { method: "POST", body: "{" });

    expect(answered.status).toBe(401);
  });

  test("opens the API", async () => {
    expect((await control.get("/organizations")).status).toBe(200);
  });

  test("must not be empty at start", async () => {
    await expect(
      startControl({
        home: control.home,
        port: 0,
        database: control.database,
        secrets: { ...secrets, admin_token: "" },
        version: "0",
        log: silentLog,
      }),
    ).rejects.toThrow("empty or too short");
  });
});

describe("the host name", () => {
  const hosts: readonly [host: string, status: number][] = [
    ["localhost", 200],
    ["localhost:8081", 200],
    ["127.0.0.1", 200],
    ["[::1]:8081", 200],
    ["10.1.2.3", 200],
    ["attacker.example", 421],
    ["attacker.example:8081", 421],
    ["localhost.attacker.example", 421],
    ["127.0.0.1.attacker.example", 421],
  ];

  for (const [host, status] of hosts) {
    test(`${host} is ${status === 200 ? "answered" : "refused"}`, async () => {
      const answered = await control.send("/healthz", { headers: { host } });

      expect(answered.status).toBe(status);
    });
  }
});

describe("a body", () => {
  const post = (
    body: string | Uint8Array | ReadableStream<Uint8Array>,
    headers: Record<string, string> = json,
  ) => control.send("/api/v1/organizations", { method: "POST", headers, body });

  for (const body of ["{", '{"name":}', "[1,2", "nonsense", "[".repeat(200_000)]) {
    test(`that is not JSON is refused: ${body.slice(0, 20)}`, async () => {
      const answered = await post(body);

      expect(answered.status).toBe(400);
      expect(errorOf(answered)).toMatchObject({ code: "invalid_json" });
    });
  }

  test("that is not UTF-8 is refused", async () => {
    const answered = await post(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]));

    expect(errorOf(answered)).toMatchObject({ code: "invalid_json" });
  });

  for (const body of ["null", "3", '"text"', "[]", "true"]) {
    test(`that is JSON but no object is refused: ${body}`, async () => {
      const answered = await post(body);

      expect(answered.status).toBe(400);
      expect(errorOf(answered)).toMatchObject({ code: "invalid_field" });
    });
  }

  test("of another type is refused, because browsers send such bodies across origins", async () => {
    const answered = await post('{"name":"x"}', { authorization, "content-type": "text/plain" });

    expect(answered.status).toBe(415);
    expect(errorOf(answered).message).toContain("application/json");
  });

  test("over the limit is refused with its announced length alone", async () => {
    const answered = await post(JSON.stringify({ name: "x".repeat(300_000) }));

    expect(answered.status).toBe(413);
    expect(errorOf(answered)).toMatchObject({ code: "body_too_large" });
  });

  test("over the limit is refused when its length was not announced", async () => {
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        if (sent > 10_000) controller.close();
        else controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });

    const answered = await post(endless);

    expect(answered.status).toBe(413);
    expect(sent).toBeLessThan(1_000);
  });

  test("with a key that is a name of Object's prototype is an unknown field, not an accident", async () => {
    const answered = await post('{"name":"Proto","__proto__":{"admin":true}}');

    expect([201, 400]).toContain(answered.status);
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
  });
});

describe("paths", () => {
  test("that do not exist say where the list is", async () => {
    for (const path of [
      "/api/v1/nothing",
      "/api",
      "/v1/chat/completions",
      "/%2e%2e/secrets.json",
    ]) {
      const answered = await control.send(path, { headers: { authorization } });

      expect(answered.status).toBe(404);
      expect(errorOf(answered).message).toContain("/api/openapi.json");
    }
  });

  test("with a method they lack are not found", async () => {
    const answered = await control.send("/api/v1/organizations", { method: "PUT" });

    expect(answered.status).toBe(404);
    expect(errorOf(answered).message).toContain("PUT /api/v1/organizations");
  });

  test("never allow another origin", async () => {
    const answered = await control.send("/api/v1/organizations", {
      method: "OPTIONS",
      headers: { origin: "https://attacker.example", "access-control-request-method": "POST" },
    });

    expect(answered.headers.get("access-control-allow-origin")).toBeNull();
    expect(answered.status).toBe(404);
  });
});

describe("what is open to everyone who reaches the port", () => {
  test("is health, readiness, and metrics without names", async () => {
    await control.post("/organizations", { name: "Secret Customer" });

    expect((await control.send("/healthz")).body).toEqual({ ok: true });
    expect((await control.send("/readyz")).body).toEqual({ ok: true, database: "ok" });
    const metrics = String((await control.send("/metrics")).body["text"]);
    expect(metrics).toContain(
      'baseload_control_requests_total{operation="organization.create",status="201"}',
    );
    expect(metrics).not.toContain("Secret Customer");
  });

  test("is a page that says what there is, and runs nothing", async () => {
    const answered = await control.send("/");

    expect(answered.headers.get("content-type")).toContain("text/html");
    expect(answered.headers.get("content-security-policy")).toStartWith("default-src 'none'");
    expect(String(answered.body["text"])).toContain("/api/openapi.json");
    expect(String(answered.body["text"])).not.toContain("<script");
  });

  test("is the description of every operation", async () => {
    const { body } = await control.send("/api/openapi.json");

    expect(body["openapi"]).toBe("3.1.0");
    const paths = Object.keys(body["paths"] as object);
    for (const path of [
      "/api/v1/organizations",
      "/api/v1/projects",
      "/api/v1/keys",
      "/api/v1/keys/{id}/revoke",
      "/api/v1/keys/{id}/rotate",
      "/api/v1/credits",
      "/api/v1/wallets",
      "/api/v1/providers",
      "/api/v1/providers/{name}/test",
      "/api/v1/models",
      "/api/v1/models/{name}/deployments",
      "/api/v1/prices",
      "/api/v1/usage",
      "/api/v1/calls/{request_id}",
      "/api/v1/ledger/check",
      "/api/v1/status",
    ]) {
      expect(paths).toContain(path);
    }
    const schemas = (body["components"] as { schemas: object }).schemas;
    expect(Object.keys(schemas)).toContain("Error");
  });
});

describe("the address of a running control plane", () => {
  test("stands in a file of the home that only its owner reads, until it stops", async () => {
    const running = await startTestControl();
    const path = join(running.home, "run", "control.json");

    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ url: running.url });
    expect(statSync(path).mode & 0o077).toBe(0);
    expect(running.url).toStartWith("http://127.0.0.1:");
    await running[Symbol.asyncDispose]();

    expect(existsSync(path)).toBe(false);
    await expect(fetch(running.url)).rejects.toThrow();
  });
});
