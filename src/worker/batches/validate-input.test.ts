/** What an input file may hold, beyond what fits into a test of the whole way. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openTestDatabase, type TestDatabase } from "../../../test/support/postgres.ts";
import { BATCH_ERRORS_MAX, BATCH_LINES_MAX, type Batch } from "../../domains/batches/index.ts";
import { LINE_BYTES_MAX, validateInput } from "./validate-input.ts";

const START_MS = 30_000;
let db: TestDatabase;
const batchId = Bun.randomUUIDv7();
const batch = { batchId, endpoint: "/v1/chat/completions" } as Batch;
const signal = new AbortController().signal;

beforeAll(async () => {
  db = await openTestDatabase();
  // Only the lines matter here: their batch is a row without tenants.
  await db.database.pool.query("alter table batch_line drop constraint batch_line_batch_id_fkey");
}, START_MS);

afterAll(async () => {
  await db?.[Symbol.asyncDispose]();
});

const lineOf = (i: number): string =>
  `{"custom_id":"c${i}","method":"POST","url":"/v1/chat/completions","body":{}}\n`;

async function* linesOf(count: number) {
  for (let i = 0; i < count; i += 1_000) {
    const size = Math.min(1_000, count - i);
    yield Buffer.from(Array.from({ length: size }, (_, k) => lineOf(i + k)).join(""));
  }
}

const validate = (chunks: AsyncIterable<Uint8Array>, stop = signal) =>
  validateInput(db.database, { batch, chunks, signal: stop });

async function countRows(): Promise<number> {
  const { rows } = await db.database.pool.query<{ count: number }>(
    "select count(*)::int as count from batch_line",
  );
  return rows[0]?.count ?? 0;
}

test(
  "50,000 lines are taken, with their places; checking again begins anew",
  async () => {
    for (let i = 0; i < 2; i++) {
      expect(await validate(linesOf(BATCH_LINES_MAX))).toEqual({ total: BATCH_LINES_MAX });
      expect(await countRows()).toBe(BATCH_LINES_MAX);
    }
    const { rows } = await db.database.pool.query<{ byte_offset: bigint; custom_id: string }>(
      "select byte_offset, custom_id from batch_line where line_number = 1001",
    );
    const before = Array.from({ length: 1_000 }, (_, i) => lineOf(i)).join("").length;
    expect(rows[0]).toEqual({ byte_offset: BigInt(before), custom_id: '"c1000"' });
  },
  START_MS,
);

test(
  "50,001 are not",
  async () => {
    expect(await validate(linesOf(BATCH_LINES_MAX + 1))).toMatchObject({
      errors: [{ code: "too_many_requests", line: null }],
    });
  },
  START_MS,
);

test("a line may not be longer than a request", async () => {
  async function* chunks() {
    yield Buffer.from(lineOf(1));
    for (let bytes = 0; bytes <= LINE_BYTES_MAX; bytes += 2 ** 20) yield new Uint8Array(2 ** 20);
  }
  expect(await validate(chunks())).toMatchObject({
    errors: [{ code: "line_too_long", line: 2 }],
  });
});

test("a file that is wrong throughout is not read to its end", async () => {
  let read = 0;
  async function* chunks() {
    for (; read < 100; read++) yield Buffer.from("nonsense\n".repeat(100));
  }
  const validated = await validate(chunks());
  expect(validated).toMatchObject({ errors: { length: BATCH_ERRORS_MAX } });
  expect(read).toBeLessThan(3);
});

test("a worker that stops leaves it to the next one", async () => {
  const stop = new AbortController();
  stop.abort();
  expect(await validate(linesOf(10), stop.signal)).toBe("stopped");
});
