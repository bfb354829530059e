/** A control plane on a database and a home of its own, spoken to over HTTP. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControl } from "../../src/control/start.ts";
import { type Database, openDatabase } from "../../src/platform/db/database.ts";
import { createLog, type LogFields } from "../../src/platform/log.ts";
import { openTestDatabase } from "./postgres.ts";

export const secrets = {
  admin_token: "ad0315".padEnd(64, "7b"),
  key_pepper: "9e4c".repeat(16),
  seal_key: "51d8".repeat(16),
};

export type Answered = { status: number; headers: Headers; body: Record<string, unknown> };

export type TestControl = AsyncDisposable & {
  url: string;
  home: string;
  database: Database;
  /** Lines of level warn and error, parsed. */
  logged: LogFields[];
  get(path: string): Promise<Answered>;
  post(path: string, body?: unknown): Promise<Answered>;
  remove(path: string): Promise<Answered>;
  /** With nothing added: no token, no type. The path begins at the root. */
  send(path: string, init?: RequestInit): Promise<Answered>;
};

/** @param databaseUrl another database than a fresh one, such as one that is not there. */
export async function startTestControl(databaseUrl?: string): Promise<TestControl> {
  const home = mkdtempSync(join(tmpdir(), "baseload-control-"));
  const db = await (databaseUrl === undefined ? openTestDatabase() : openOther(databaseUrl));
  const logged: LogFields[] = [];
  const log = createLog({
    role: "control",
    level: "warn",
    sink: (line) => logged.push(JSON.parse(line) as LogFields),
  });
  const control = await startControl({
    home,
    port: 0,
    database: db.database,
    secrets,
    version: "0.0.0-test",
    log,
  });
  const send = async (path: string, init: RequestInit = {}): Promise<Answered> => {
    const response = await fetch(control.url + path, init);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
    const body = (isJson ? JSON.parse(text) : { text }) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, body };
  };
  const authorization = `Bearer ${secrets.admin_token}`;
  const api = (method: string, path: string, body?: unknown) =>
    send(`/api/v1${path}`, {
      method,
      headers: {
        authorization,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  return {
    url: control.url,
    home,
    database: db.database,
    logged,
    get: (path) => api("GET", path),
    post: (path, body) => api("POST", path, body),
    remove: (path) => api("DELETE", path),
    send,
    async [Symbol.asyncDispose]() {
      await control.stop();
      await db[Symbol.asyncDispose]();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function openOther(url: string): Promise<{ database: Database } & AsyncDisposable> {
  const database = openDatabase({ url, poolSize: 2, applicationName: "baseload test" });
  return { database, [Symbol.asyncDispose]: () => database.close() };
}

/** The error of an answer, in the shape that OpenAI's SDKs read. */
export const errorOf = (answered: Answered) =>
  answered.body["error"] as {
    message: string;
    type: string;
    param: string | null;
    code: string | null;
  };
