import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockHome } from "./home-lock.ts";

describe("the lock of a home", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "baseload-lock-"));
    mkdirSync(join(home, "run"));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  test("is held by one at a time", async () => {
    const lock = await lockHome(home);

    await expect(lockHome(home)).rejects.toThrow(
      `already runs on ${home} (process ${process.pid})`,
    );

    lock.release();
    (await lockHome(home)).release();
  });

  test("of a process that is gone is taken over", async () => {
    writeFileSync(join(home, "run", "up.lock"), "999999999 12345\n");

    (await lockHome(home)).release();
  });

  test("of a process whose number now belongs to another is taken over", async () => {
    writeFileSync(join(home, "run", "up.lock"), `${process.pid} 1\n`);

    (await lockHome(home)).release();
  });

  test("that was cut while it was written is taken over", async () => {
    writeFileSync(join(home, "run", "up.lock"), "");

    (await lockHome(home)).release();
  });
});
