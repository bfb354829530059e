/** A schema as an older version left it, for tests of what a migration does with data that is there. */
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Database } from "../../src/platform/db/database.ts";
import { migrate } from "../../src/platform/db/migrate.ts";
import { migrationsFolder } from "./postgres.ts";

/** Applies the migrations whose names sort before `first`, such as `0004`. */
export async function migrateBefore(database: Database, first: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "baseload-before-"));
  try {
    const names = readdirSync(migrationsFolder).filter((name) => name < first);
    for (const name of names) cpSync(join(migrationsFolder, name), join(folder, name));
    await migrate(database, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
