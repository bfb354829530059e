/** The one credential that a provider had before it could have several is still its own afterwards. */
import { expect, test } from "bun:test";
import { readCatalog } from "../../src/domains/catalog/index.ts";
import { seal } from "../../src/platform/crypto.ts";
import { migrate } from "../../src/platform/db/migrate.ts";
import { migrateBefore } from "../support/migrate-before.ts";
import { migrationsFolder, openEmptyDatabase } from "../support/postgres.ts";

/** The first migration that knows several credentials. */
const SEVERAL = "0005";
const sealKey = "3c".repeat(32);

test("a provider keeps its credential when it may have several, and one that was removed keeps none", async () => {
  await using db = await openEmptyDatabase();
  const { database } = db;
  await migrateBefore(database, SEVERAL);
  await database.pool.query(
    `insert into provider (name, dialect, base_url, sealed_credential, removed_at) values
       ('keyed', 'openai-chat', 'https://api.example.com/v1', $1, null),
       ('open', 'openai-chat', 'https://open.example.com/v1', null, null),
       ('gone', 'openai-chat', 'https://gone.example.com/v1', $2, now())`,
    [seal(sealKey, "sk-kept"), seal(sealKey, "sk-forgotten")],
  );
  await database.pool.query(
    `insert into model (name) values ('one'), ('two');
     insert into deployment (model_id, provider_id, upstream_model) values (1, 1, 'one'), (2, 2, 'two');`,
  );

  await migrate(database, migrationsFolder);

  const { rows } = await database.pool.query<{ provider_id: bigint; name: string; weight: number }>(
    "select provider_id, name, weight from provider_credential",
  );
  expect(rows).toEqual([{ provider_id: 1n, name: "default", weight: 1 }]);
  const models = await readCatalog(database, sealKey);
  const credentialsOf = (name: string) => models.get(name)?.deployments[0]?.provider.credentials;
  expect(credentialsOf("one")).toMatchObject([{ name: "default", value: "sk-kept", weight: 1 }]);
  expect(credentialsOf("two")).toEqual([]);
});
