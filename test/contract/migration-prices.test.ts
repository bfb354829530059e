/** Books that were kept before prices had tiers are the same afterwards, to the pico-dollar. */
import { expect, test } from "bun:test";
import { listPrices } from "../../src/domains/catalog/index.ts";
import { checkLedger, ledgerStore } from "../../src/domains/ledger/index.ts";
import { nanos, picos } from "../../src/lib/money.ts";
import { migrate } from "../../src/platform/db/migrate.ts";
import { migrateBefore } from "../support/migrate-before.ts";
import { migrationsFolder, openEmptyDatabase } from "../support/postgres.ts";
import { gatewayIdOf, usageEvent } from "../support/usage-events.ts";

/** The first migration that knows tiers. */
const TIERS = "0004";

/** One model, one price as versions were stored then, one charged event with what it moved. */
const before = `
  insert into wallet (scope) values ('organization');
  insert into organization (name, wallet_id) values ('Acme', 1);
  insert into account (account_id, wallet_id, kind, credits_nanos, debits_nanos, remainder_picos) values
    (8, 1, 'granted', 0, 1000, 0), (9, 1, 'available', 1000, 900, 0), (10, 1, 'leased', 900, 4, 0),
    (11, 1, 'quarantined', 0, 0, 0), (12, 1, 'spent', 4, 0, 560), (13, 1, 'expired', 0, 0, 0);
  insert into transfer (transfer_id, kind) values
    ('00000000-0000-7000-8000-00000000000a', 'grant'), ('00000000-0000-7000-8000-00000000000b', 'lease'),
    ('00000000-0000-7000-8000-000000000010', 'charge');
  insert into entry values
    ('00000000-0000-7000-8000-00000000000a', 8, -1000), ('00000000-0000-7000-8000-00000000000a', 9, 1000),
    ('00000000-0000-7000-8000-00000000000b', 9, -900), ('00000000-0000-7000-8000-00000000000b', 10, 900),
    ('00000000-0000-7000-8000-000000000010', 10, -4), ('00000000-0000-7000-8000-000000000010', 12, 4);
  insert into credit (wallet_id, transfer_id, amount_nanos) values (1, '00000000-0000-7000-8000-00000000000a', 1000);
  insert into gateway_process (gateway_id) values ('${gatewayIdOf(1)}');
  insert into lease (wallet_id, gateway_id, granted_nanos, charged_nanos, expires_at) values
    (1, '${gatewayIdOf(1)}', 900, 4, '2100-01-01');
  insert into model (name) values ('old');
  insert into price_version (model_id) values (1);
  insert into price_component (price_version_id, quantity, picos_per_unit) values
    (1, 'uncached_input', 100), (1, 'cache_read', 10), (1, 'cache_write', 120), (1, 'output_text', 300),
    (1, 'reasoning', 300), (1, 'audio_input', 100), (1, 'audio_output', 300), (1, 'image_input', 100), (1, 'requests', 0);
  insert into usage_event (event_id, request_id, attempt, organization_id, project_id, key_id, model_id, deployment_id,
    price_version_id, lease_ids, started_at, ended_at, outcome, usage_source, uncached_input, cache_write, output_text,
    cost_picos, charge_nanos) values
    ('00000000-0000-7000-8000-000000000010', '00000000-0000-7000-8000-000000000010', 0, 1, 1, 'live', 1, 1, 1, '{1}',
     now(), now(), 'completed', 'provider', 15, 3, 9, 4560, 4);`;

test("prices and usage of before tiers hold as they were, and new ones stand beside them", async () => {
  await using db = await openEmptyDatabase();
  const { database } = db;
  await migrateBefore(database, TIERS);
  await database.pool.query(before);

  await migrate(database, migrationsFolder);

  const { rows } = await listPrices(database, { limit: 10, model: "old" });
  expect(rows).toMatchObject([
    {
      priceVersionId: 1n,
      source: "operator",
      deployment: null,
      picos: { cache_write: picos(120n) },
    },
  ]);
  expect(rows[0]).not.toHaveProperty("serviceTiers");
  const event = usageEvent(2, {
    leaseIds: [1n],
    // An hour's cache write costs as a cache write where the version knows no other.
    quantities: { cache_write_1h: 7, image_output: 1, cache_hits: 5 },
    ...{ costPicos: picos(1_140n), chargeNanos: nanos(1n) },
  });
  await ledgerStore(database).post({
    ...{ gatewayId: gatewayIdOf(1), events: [event], closedLeaseIds: [], ackedSequence: 1n },
  });
  expect((await checkLedger(database)).problems).toEqual([]);
});
