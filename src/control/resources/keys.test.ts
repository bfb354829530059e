import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { errorOf, startTestControl, type TestControl } from "../../../test/support/control.ts";
import { parseKey } from "../../domains/identity/index.ts";

let control: TestControl;
beforeAll(async () => {
  control = await startTestControl();
});
afterAll(async () => {
  const { logged } = control;
  await control[Symbol.asyncDispose]();
  expect(logged).toEqual([]);
});

const rowsOf = (body: Record<string, unknown>) => body["data"] as Record<string, unknown>[];

describe("keys", () => {
  test("are created with their organization and project, and shown once", async () => {
    const { status, body, headers } = await control.post("/keys", {
      organization: "Acme",
      project: "support bot",
      name: "production",
      budget_usd: "25.50",
      rpm: 600,
      expires_at: "2090-01-01",
    });

    expect(status).toBe(201);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(parseKey(String(body["key"]))?.keyId).toBe(String(body["id"]));
    expect(body).toMatchObject({
      organization: "Acme",
      project: "support bot",
      name: "production",
      mode: "live",
      budget_usd: "25.50",
      rpm: 600,
      tpm: null,
      expires_at: "2090-01-01T00:00:00.000Z",
      revoked_at: null,
      replaces_id: null,
    });
    const listed = await control.get("/keys?organization=Acme");
    expect(JSON.stringify(listed.body)).not.toContain(String(body["key"]).slice(-20));
    expect(rowsOf(listed.body).map((key) => key["id"])).toEqual([body["id"]]);
  });

  test("are revoked, and rotated with a grace", async () => {
    const settings = { organization: "Rotating", project: "p", name: "n" };
    const first = (await control.post("/keys", settings)).body;

    const second = await control.post(`/keys/${first["id"]}/rotate`, { grace_seconds: 60 });

    expect(second.status).toBe(201);
    expect(second.body).toMatchObject({ name: "n", replaces_id: first["id"], revoked_at: null });
    expect(second.body["key"]).not.toBe(first["key"]);
    const again = await control.post(`/keys/${first["id"]}/rotate`);
    expect(again.status).toBe(409);
    const revoked = await control.post(`/keys/${second.body["id"]}/revoke`);
    expect(revoked.status).toBe(200);
    expect(revoked.body["revoked_at"]).toBeString();
    expect(revoked.body["key"]).toBeUndefined();
  });

  test("that do not exist are not found, and a key given for its id is not repeated", async () => {
    const { body } = await control.post("/keys", { organization: "Acme", project: "p", name: "n" });

    const unknown = await control.post("/keys/live0123456789ab/revoke");
    const pasted = await control.post(`/keys/${body["key"]}/revoke`);

    expect([unknown.status, pasted.status]).toEqual([404, 404]);
    expect(errorOf(unknown)).toMatchObject({ param: "id", code: "key_not_found" });
    expect(JSON.stringify(pasted.body)).not.toContain(String(body["key"]));
  });

  const base = { organization: "Acme", project: "p", name: "n" };
  const refused: readonly [why: string, body: unknown, param: string | null, says: string][] = [
    ["a missing name", { organization: "Acme", project: "p" }, "name", "'name' is missing."],
    ["an empty name", { ...base, name: "  " }, "name", "must not be empty"],
    ["a long name", { ...base, name: "x".repeat(121) }, "name", "at most 120"],
    ["a line break", { ...base, name: "a\nb" }, "name", "control characters"],
    ["a number as name", { ...base, name: 7 }, "name", "expected string"],
    ["a misspelt field", { ...base, budget_us: "1" }, "budget_us", "Did you mean 'budget_usd'?"],
    ["a number as money", { ...base, budget_usd: 5 }, "budget_usd", "decimal string"],
    ["a negative budget", { ...base, budget_usd: "-5" }, "budget_usd", "not negative"],
    ["a budget of zero", { ...base, budget_usd: "0.00" }, "budget_usd", "more than 0"],
    ["ten decimals", { ...base, budget_usd: "0.0000000001" }, "budget_usd", "9 decimal"],
    ["ten billion", { ...base, budget_usd: "10000000000" }, "budget_usd", "not an amount"],
    ["exponents", { ...base, budget_usd: "1e3" }, "budget_usd", "decimal string"],
    ["no limit at all", { ...base, rpm: 0 }, "rpm", "rpm"],
    ["half a request", { ...base, rpm: 1.5 }, "rpm", "rpm"],
    ["more than int4", { ...base, tpm: 3_000_000_000 }, "tpm", "tpm"],
    ["an unknown mode", { ...base, mode: "prod" }, "mode", "live"],
    ["a budget on a test key", { ...base, mode: "test", budget_usd: "1" }, "budget_usd", "never"],
    ["an expiry in the past", { ...base, expires_at: "2020-01-01" }, "expires_at", "future"],
    ["no calendar day", { ...base, expires_at: "2090-02-30" }, "expires_at", "must be a time"],
    ["a time without zone", { ...base, expires_at: "2090-02-01T00:00" }, "expires_at", "time"],
    ["nothing at all", {}, "organization", "'organization' is missing."],
  ];

  for (const [why, body, param, says] of refused) {
    test(`with ${why} are refused`, async () => {
      const answered = await control.post("/keys", body);

      expect(answered.status).toBe(400);
      expect(errorOf(answered)).toMatchObject({ type: "invalid_request_error", param });
      expect(errorOf(answered).message).toContain(says);
    });
  }
});
