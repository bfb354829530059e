import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSecrets, secretsPath } from "./secrets.ts";

describe("readSecrets", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "baseload-secrets-"));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const write = (secrets: unknown): void =>
    writeFileSync(secretsPath(home), JSON.stringify(secrets), { mode: 0o600 });

  test("makes them on first start, readable by their owner only, and keeps them", () => {
    const first = readSecrets(home);

    expect(readSecrets(home)).toEqual(first);
    expect(statSync(secretsPath(home)).mode & 0o777).toBe(0o600);
    expect(new Set(Object.values(first)).size).toBe(5);
    expect(readdirSync(home)).toEqual(["secrets.json"]);
  });

  test("refuses a file that others can read, and says how to close it", () => {
    readSecrets(home);
    chmodSync(secretsPath(home), 0o644);

    expect(() => readSecrets(home)).toThrow("chmod 600");
  });

  test.each([
    ["an empty secret", { key_pepper: "" }],
    ["a short secret", { key_pepper: "abc123" }],
    ["a placeholder", { key_pepper: "0".repeat(64) }],
    ["a missing secret", { key_pepper: undefined }],
    ["an unknown field", { pepper: "0123456789abcdef".repeat(4) }],
  ])("refuses %s", (_, change) => {
    write({ ...readSecrets(home), ...change });

    expect(() => readSecrets(home)).toThrow("is not usable");
  });

  test("refuses one secret used for two purposes", () => {
    const secrets = readSecrets(home);
    write({ ...secrets, admin_token: secrets.internal_token });

    expect(() => readSecrets(home)).toThrow("two secrets are equal");
  });

  test("never replaces a broken file: what it protects would be lost", () => {
    writeFileSync(secretsPath(home), "{", { mode: 0o600 });

    expect(() => readSecrets(home)).toThrow("not JSON");
    expect(readFileSync(secretsPath(home), "utf8")).toBe("{");
  });
});
