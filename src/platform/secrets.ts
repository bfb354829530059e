/**
 * The secrets of one installation: made at random on first start, kept in one file that only its owner may
 * read. They lie outside the database, so that a copy of the database alone opens nothing.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Failure } from "../lib/errors.ts";

const SECRET_BYTES = 32;
const hexSecret = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits");

const Secrets = z.strictObject({
  /** Keys the HMAC under which API keys are stored. */
  key_pepper: hexSecret,
  /** Seals providers' credentials (AES-256-GCM). */
  seal_key: hexSecret,
  /** Opens the control plane to the operator's command line. */
  admin_token: hexSecret,
  /** Opens runners and the sandbox to the gateway. */
  internal_token: hexSecret,
  postgres_password: hexSecret,
});

export type Secrets = z.infer<typeof Secrets>;

export const secretsPath = (home: string): string => join(home, "secrets.json");

/** Reads `<home>/secrets.json`; makes it on first start. Refuses a file that others may read. */
export function readSecrets(home: string): Secrets {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const path = secretsPath(home);
  try {
    return parseSecrets(path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT") throw error;
  }
  createSecrets(path);
  return parseSecrets(path);
}

function parseSecrets(path: string): Secrets {
  const { mode } = statSync(path);
  if ((mode & 0o077) !== 0) {
    throw new Failure("forbidden", `${path} can be read by others. Run: chmod 600 ${path}`);
  }
  const secrets = Secrets.safeParse(readJson(path));
  if (!secrets.success) throw broken(path, z.prettifyError(secrets.error));
  for (const [name, value] of Object.entries(secrets.data)) {
    // One repeated digit is a placeholder, not a secret.
    if (new Set(value).size < 4) throw broken(path, `${name} is empty or a default value`);
  }
  if (new Set(Object.values(secrets.data)).size !== Object.keys(secrets.data).length) {
    throw broken(path, "two secrets are equal");
  }
  return secrets.data;
}

function readJson(path: string): unknown {
  const text = readFileSync(path, "utf8");
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw broken(path, "it is not JSON", cause);
  }
}

function broken(path: string, problem: string, cause?: unknown): Failure {
  const advice = "Restore it from a backup; without it stored keys and credentials are unreadable.";
  return new Failure("invalid", `${path} is not usable: ${problem}\n${advice}`, { cause });
}

/** Two processes may start at once: the file appears complete or not at all, and the first one wins. */
function createSecrets(path: string): void {
  const secrets = Object.fromEntries(
    Object.keys(Secrets.shape).map((name) => [name, randomBytes(SECRET_BYTES).toString("hex")]),
  );
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  const file = openSync(draft, "wx", 0o600);
  try {
    writeSync(file, `${JSON.stringify(secrets, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
