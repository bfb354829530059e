/** Kept answers: whatever gateway, worker and recovery do at the same time, there is one outcome, and all are told it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import { eventIdOf } from "../../lib/ids.ts";
import type { Usage } from "../../lib/quantities.ts";
import { createKey } from "../identity/index.ts";
import {
  addJob,
  beginKept,
  claimJobs,
  endJob,
  endUnkept,
  keepAnswer,
  readKept,
  readKeptAnswer,
  releaseKept,
  runRequestId,
  settleRun,
  sweepKept,
} from "./index.ts";

const START_MS = 30_000;
const workerId = Bun.randomUUIDv7();
const gatewayId = Bun.randomUUIDv7();
const jobId = Bun.randomUUIDv7();
let db: TestDatabase;
let organizationId = 0n;
let lines = 0;

beforeAll(async () => {
  db = await openTestDatabase();
  const { key } = await createKey(db.database, {
    organization: "acme",
    project: "main",
    name: "test",
    mode: "live",
    pepper: "ab".repeat(32),
    actor: "test",
  });
  const { rows } = await db.database.pool.query<{ organization_id: bigint }>(
    "select organization_id from organization",
  );
  organizationId = rows[0]?.organization_id ?? 0n;
  await db.database.transact((client) =>
    addJob(client, {
      ...{ jobId, organizationId, keyId: key.keyId, fileStoreId: null },
      kind: "batch",
      payload: {},
    }),
  );
  await claimJobs(db.database, {
    ...{ workerId, kind: "batch", fileStoreId: workerId, limit: 1 },
    ...{ perOrganizationMax: 1, silentMs: 60_000, notJobIds: [] },
  });
}, START_MS);

afterAll(async () => {
  await db?.[Symbol.asyncDispose]();
});

const usage: Usage = {
  quantities: { uncached_input: 3, output_text: 5 },
  source: "provider",
  raw: { odd: "\u0000\ud800" },
};

function newRun() {
  lines += 1;
  const requestId = runRequestId({ jobId, number: lines, run: 1 });
  const run = { requestId, jobId, organizationId };
  return {
    requestId,
    run,
    begin: () => beginKept(db.database, { ...run, gatewayId }),
    keep: (attempt = 0) =>
      keepAnswer(db.database, {
        ...{ requestId, attempt, usage },
        isBilled: true,
        body: Buffer.from("{}"),
        contentType: "application/json",
      }),
    end: () => endUnkept(db.database, requestId),
    look: () => settleRun(db.database, { ...run, isGivenUp: false }),
    giveUp: () => settleRun(db.database, { ...run, isGivenUp: true }),
    recover: () => readKept(db.database, [run]),
    read: () => readKeptAnswer(db.database, run),
  };
}

describe("a run", () => {
  test("is begun once, kept once, and says what it used", async () => {
    const one = newRun();
    expect(await one.look()).toEqual({ state: "unknown" });
    expect(await one.begin()).toBe(true);
    expect(await one.begin()).toBe(false);
    expect(await one.look()).toMatchObject({ state: "begun", gatewayId });
    expect(await one.keep(2)).toBe(true);
    // A gateway that did not hear the answer asks again.
    expect(await one.keep(2)).toBe(true);
    expect(await one.keep(3)).toBe(false);
    expect(await one.giveUp()).toEqual({ state: "kept" });
    await one.end();
    expect(await one.read()).toMatchObject({ contentType: "application/json", usage });
    expect(await one.recover()).toEqual(new Map([[eventIdOf(one.requestId, 2), usage]]));
  });

  test("that was given up cannot be begun or kept any more", async () => {
    const unseen = newRun();
    expect(await unseen.giveUp()).toEqual({ state: "void" });
    expect(await unseen.begin()).toBe(false);
    const begun = newRun();
    await begun.begin();
    expect(await begun.recover()).toEqual(new Map());
    expect(await begun.keep()).toBe(false);
    expect(await begun.look()).toEqual({ state: "void" });
    expect(await begun.read()).toBeUndefined();
  });

  test("of another organization is not found", async () => {
    const one = newRun();
    await one.begin();
    await one.keep();
    const other = { ...one.run, organizationId: organizationId + 1n };
    expect(await readKeptAnswer(db.database, other)).toBeUndefined();
    expect(await settleRun(db.database, { ...other, isGivenUp: false })).toEqual({
      state: "unknown",
    });
  });

  test("has one outcome, whoever does what at the same time, and nobody is told another one", async () => {
    const action = fc.constantFrom("keep", "end", "giveUp", "recover", "begin", "look");
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 2, maxLength: 8 }), async (actions) => {
        const one = newRun();
        await one.begin();
        const told = await Promise.all(
          actions.map(async (name) => {
            if (name === "keep") return (await one.keep()) ? "kept" : "void";
            if (name === "recover") return (await one.recover()).size === 1 ? "kept" : "void";
            if (name === "giveUp") return (await one.giveUp()).state;
            if (name === "begin") return (await one.begin()) ? "begun twice" : undefined;
            if (name === "end") await one.end();
            return undefined;
          }),
        );
        const final = (await one.giveUp()).state;
        expect(new Set([...told.filter((state) => state !== undefined), final]).size).toBe(1);
      }),
      { numRuns: 60 },
    );
  });
});

describe("clearing up", () => {
  const left = async (requestId: string) => {
    while ((await sweepKept(db.database)) > 0);
    const { rowCount } = await db.database.pool.query(
      "select from kept_answer where request_id = $1",
      [requestId],
    );
    return rowCount === 1;
  };

  test("an answer goes when its job has it and its usage is posted, not before", async () => {
    const one = newRun();
    await one.begin();
    await one.keep();
    expect(await left(one.requestId)).toBe(true);
    await releaseKept(db.database, jobId);
    // Recovery of its gateway may still need it.
    expect(await left(one.requestId)).toBe(true);
    await db.database.pool.query(
      `insert into usage_event (event_id, request_id, attempt, organization_id, project_id, key_id, model_id, deployment_id,
         price_version_id, lease_ids, started_at, ended_at, outcome, usage_source, cost_picos, charge_nanos)
       values ($1, $2, 0, 1, 1, 'k', 1, 1, 1, '{}', now(), now(), 'completed', 'provider', 0, 0)`,
      [eventIdOf(one.requestId, 0), one.requestId],
    );
    expect(await left(one.requestId)).toBe(false);
  });

  test("a run that comes after its job has ended is not begun, also when nothing is known of it any more", async () => {
    await endJob(db.database, { jobId, workerId, end: { state: "done" } });
    expect(await newRun().begin()).toBe(false);
  });
});
