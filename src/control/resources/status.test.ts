import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorOf, startTestControl, type TestControl } from "../../../test/support/control.ts";

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
});
afterAll(async () => {
  const { logged } = control;
  await control[Symbol.asyncDispose]();
  expect(logged).toEqual([]);
});

describe("status", () => {
  test("counts what there is, and says what is wrong", async () => {
    await control.post("/keys", { organization: "Acme", project: "p", name: "n" });

    const { status, body } = await control.get("/status");

    expect(status).toBe(200);
    expect(body).toMatchObject({ ok: false, version: "0.0.0-test", gateways: [] });
    expect(body["database"]).toMatchObject({ ok: true });
    expect(body).toMatchObject({ organizations: 1, keys: 1, providers: 0, models: 0 });
    expect(body["problems"]).toEqual(["No gateway process is running. Start with: baseload up"]);
  });

  test("asks each gateway by its socket, and forgets sockets of dead ones", async () => {
    const run = join(control.home, "run");
    mkdirSync(run, { recursive: true });
    const id = Bun.randomUUIDv7();
    const dead = join(run, `gateway-${Bun.randomUUIDv7()}.sock`);
    await Bun.write(dead, "");
    using _gateway = Bun.serve({
      unix: join(run, `gateway-${id}.sock`),
      fetch: () => Response.json({ ok: true }),
    });

    const { body } = await control.get("/status");

    expect(body).toMatchObject({ ok: true, gateways: [{ id, ok: true }], problems: [] });
    const [gateway] = body["gateways"] as { started_at: string }[];
    expect(Math.abs(Date.parse(gateway?.started_at ?? "") - Date.now())).toBeLessThan(60_000);
  });
});

describe("without its database", () => {
  test("the control plane answers 503 and what to do, and status still answers", async () => {
    await using lonely = await startTestControl("postgres://nobody@127.0.0.1:1/nothing");

    const refusal = await lonely.get("/organizations");
    const ready = await lonely.send("/readyz");
    const status = await lonely.get("/status");

    expect(refusal.status).toBe(503);
    expect(refusal.headers.get("retry-after")).toBe("2");
    expect(errorOf(refusal)).toMatchObject({ code: "database_unavailable" });
    expect(ready.status).toBe(503);
    expect(status.body).toMatchObject({ ok: false, database: { ok: false }, organizations: null });
  });
});
