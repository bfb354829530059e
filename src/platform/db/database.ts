/**
 * One connection pool, with typed queries (Kysely) and plain SQL on top of it. The driver is named in this
 * file only.
 */
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import type { Log } from "../log.ts";
import type { DB } from "./schema.ts";

export type Database = {
  pool: pg.Pool;
  kysely: Kysely<DB>;
  /** Runs `fn` in one transaction on one connection: commits when it returns, rolls back when it throws. Retries nothing. */
  transact<T>(fn: (client: pg.PoolClient) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

export type DatabaseOptions = {
  /** `postgres://user:password@host:port/name`, or `postgres://user:password@/name?host=/socket/directory`. */
  url: string;
  poolSize: number;
  /** Shown in `pg_stat_activity`, such as `baseload worker`. */
  applicationName: string;
  /**
   * Connections whose questions are answered later than this are given up: a network that swallows everything
   * would hold them for ever. Left out where a question may take as long as it likes.
   */
  answerTimeoutMs?: number;
  /** Hears about connections that break while nobody uses them. */
  log?: Log;
};

/** Longer than the slowest statement of the product by far: what runs this long is stuck. */
const STATEMENT_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 10_000;
/** For `answerTimeoutMs`: by then PostgreSQL has ended the statement itself, if it can be reached. */
export const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000;
/** A transaction that waits this long for its own process belongs to a process in trouble; its locks must go. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;
const CONNECTION_TIMEOUT_MS = 10_000;
const IDLE_CONNECTION_MS = 60_000;

const INT8 = 20;
const INT8_ARRAY = 1016;

export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    application_name: options.applicationName,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    types: exactTypes(),
    ...(options.answerTimeoutMs !== undefined && { query_timeout: options.answerTimeoutMs }),
  });
  // Without a listener an idle connection that breaks (the server restarts) would end the process.
  pool.on("error", (error) => {
    options.log?.warn("a database connection broke while idle; the pool opens a new one", {
      error,
    });
  });

  // The pool listens to idle connections only. Nobody listens to one in a transaction: its queries fail, which is
  // enough, but its event would end the process as well.
  pool.on("connect", (client) => client.on("error", () => undefined));

  return {
    pool,
    kysely: new Kysely<DB>({ dialect: new PostgresDialect({ pool }) }),
    transact: (fn) => transact(pool, fn),
    close: () => pool.end(),
  };
}

async function transact<T>(pool: pg.Pool, fn: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query("begin");
    const result = await fn(client);
    await client.query("commit");
    return result;
  } catch (error) {
    broken = await rollback(client);
    throw error;
  } finally {
    // A connection that could not even roll back is in an unknown state and is closed.
    client.release(broken);
  }
}

async function rollback(client: pg.PoolClient): Promise<Error | undefined> {
  try {
    await client.query("rollback");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** int8 is `bigint` in this pool only: other users of the driver in the same process keep their own parsers. */
function exactTypes(): pg.CustomTypesConfig {
  const types = new pg.TypeOverrides();
  types.setTypeParser(INT8, (text: string) => BigInt(text));
  types.setTypeParser(INT8_ARRAY, parseInt8Array);
  return types;
}

/** `{1,2,NULL}`; numbers are never quoted. */
function parseInt8Array(text: string): (bigint | null)[] {
  const inner = text.slice(1, -1);
  if (inner === "") return [];
  return inner.split(",").map((item) => (item === "NULL" ? null : BigInt(item)));
}
