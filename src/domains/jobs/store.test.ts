/** The queue: who gets which job, how a claim is kept and lost, and what a worker that lost it can still do. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import { createKey } from "../identity/index.ts";
import {
  addJob,
  askToCancelJob,
  claimJobs,
  endJob,
  giveJobsBack,
  heartbeat,
  type Job,
  readQueueLengths,
  takeRun,
} from "./index.ts";

const START_MS = 30_000;
let test_: TestDatabase;
const tenants: { organizationId: bigint; keyId: string }[] = [];
const [workerA, workerB] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
const store = Bun.randomUUIDv7();

beforeAll(async () => {
  test_ = await openTestDatabase();
  for (const organization of ["big", "small", "third"]) {
    const { key } = await createKey(test_.database, {
      organization,
      project: "main",
      name: "test",
      mode: "live",
      pepper: "ab".repeat(32),
      actor: "test",
    });
    const { rows } = await test_.database.pool.query<{ organization_id: bigint }>(
      "select organization_id from organization where name = $1",
      [organization],
    );
    tenants.push({ organizationId: rows[0]?.organization_id ?? 0n, keyId: key.keyId });
  }
}, START_MS);

afterAll(async () => {
  await test_?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await test_.database.pool.query("delete from job");
});

async function add(tenant: number, fileStoreId: string | null = null): Promise<string> {
  const jobId = Bun.randomUUIDv7();
  const { organizationId = 0n, keyId = "" } = tenants[tenant] ?? {};
  await test_.database.transact((client) =>
    addJob(client, {
      ...{ jobId, organizationId, keyId, fileStoreId },
      kind: "batch",
      payload: { a: 1 },
    }),
  );
  return jobId;
}

const claim = (workerId: string, limit = 10, more: object = {}): Promise<Job[]> =>
  claimJobs(test_.database, {
    ...{ workerId, limit, kind: "batch", fileStoreId: store },
    ...{ perOrganizationMax: 10, silentMs: 60_000, notJobIds: [] },
    ...more,
  });

const idsOf = (jobs: readonly Job[]) => jobs.map(({ jobId }) => jobId).sort();

describe("claiming", () => {
  test("an organization with one job does not wait for one with many", async () => {
    const many = [];
    for (let i = 0; i < 5; i++) many.push(await add(0));
    const one = await add(1);
    expect(idsOf(await claim(workerA, 2))).toEqual([many[0] ?? "", one].sort());
    const another = await add(2);
    expect(idsOf(await claim(workerB, 1))).toEqual([another]);
  });

  test("nobody gets more places than the share of an organization", async () => {
    for (let i = 0; i < 5; i++) await add(0);
    expect(await claim(workerA, 10, { perOrganizationMax: 3 })).toHaveLength(3);
    expect(await claim(workerB, 10, { perOrganizationMax: 3 })).toHaveLength(0);
  });

  test("two workers at once never get the same job", async () => {
    for (let i = 0; i < 20; i++) await add(i % 3);
    const [a, b] = await Promise.all([
      claim(workerA, 12, { perOrganizationMax: 100 }),
      claim(workerB, 12, { perOrganizationMax: 100 }),
    ]);
    expect(new Set([...idsOf(a), ...idsOf(b)]).size).toBe(a.length + b.length);
    expect(a.length + b.length).toBeGreaterThanOrEqual(12);
  });

  test("a job whose files lie elsewhere is left to whoever has them", async () => {
    const here = await add(0, store);
    await add(0, Bun.randomUUIDv7());
    const anywhere = await add(0);
    expect(idsOf(await claim(workerA))).toEqual([here, anywhere].sort());
  });
});

describe("a claim", () => {
  test("that falls silent is taken over; from then on its worker changes nothing", async () => {
    const jobId = await add(0);
    await claim(workerA);
    expect(await claim(workerB)).toHaveLength(0);
    expect((await heartbeat(test_.database, workerA, [jobId])).size).toBe(1);
    expect(await takeRun(test_.database, { jobId, workerId: workerA })).toBe(1);
    await test_.database.pool.query("update job set heartbeat_at = now() - interval '2 minutes'");

    // Its own claims look silent, too, after a long stall: it does not claim what it is running.
    expect(await claim(workerA, 1, { notJobIds: [jobId] })).toHaveLength(0);
    expect(await claim(workerB)).toMatchObject([{ jobId, run: 1 }]);
    expect((await heartbeat(test_.database, workerA, [jobId])).size).toBe(0);
    expect(await takeRun(test_.database, { jobId, workerId: workerA })).toBeUndefined();
    await endJob(test_.database, { jobId, workerId: workerA, end: { state: "failed" } });
    await giveJobsBack(test_.database, workerA);
    expect((await heartbeat(test_.database, workerB, [jobId])).size).toBe(1);
    expect(await takeRun(test_.database, { jobId, workerId: workerB })).toBe(2);
  });

  test("is given back at an orderly stop, and ends with the job", async () => {
    const jobId = await add(0);
    await claim(workerA);
    await giveJobsBack(test_.database, workerA);
    expect(await claim(workerB)).toMatchObject([{ jobId }]);
    await endJob(test_.database, { jobId, workerId: workerB, end: { state: "done" } });
    expect(await claim(workerA)).toHaveLength(0);
  });

  test("that failed waits for its next time, and says how often it has failed", async () => {
    const jobId = await add(0);
    await claim(workerA);
    const again = (againInMs: number, hasFailed: boolean) =>
      endJob(test_.database, { jobId, workerId: workerA, end: { againInMs, hasFailed } });
    await again(60_000, true);
    expect(await claim(workerA)).toHaveLength(0);
    await test_.database.pool.query("update job set not_before = now()");
    expect(await claim(workerA)).toMatchObject([{ failures: 1 }]);
    await again(0, false);
    expect(await claim(workerA)).toMatchObject([{ failures: 0 }]);
  });
});

test("whoever runs a job hears that it is to be cancelled; one that waits is claimed for it at once", async () => {
  const running = await add(0);
  await claim(workerA);
  const waiting = await add(0);
  await test_.database.pool.query(
    "update job set not_before = now() + interval '1 hour' where job_id = $1",
    [waiting],
  );
  for (const jobId of [running, waiting]) {
    await test_.database.transact((client) => askToCancelJob(client, jobId));
  }
  expect((await heartbeat(test_.database, workerA, [running])).get(running)).toEqual({
    isCancelAsked: true,
  });
  expect(await claim(workerB)).toMatchObject([{ jobId: waiting, isCancelAsked: true }]);
});

test("the queue's length and age", async () => {
  await add(0);
  await claim(workerA);
  await add(1);
  await add(2);
  await test_.database.pool.query(
    "update job set created_at = now() - interval '90 seconds' where state = 'waiting'",
  );
  const [length] = await readQueueLengths(test_.database);
  expect(length).toMatchObject({ kind: "batch", waiting: 2, running: 1 });
  expect(length?.oldestWaitingSeconds).toBeGreaterThanOrEqual(90);
});
