/**
 * A gateway died and left a journal. The worker settles each attempt that it had begun exactly once, with what the
 * provider says, and gives the rest of its leases back. The journals here are written by hand, so that every case
 * is there; test/crash kills real processes.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readCatalog, removeModel } from "../../src/domains/catalog/index.ts";
import { findOrganization } from "../../src/domains/identity/index.ts";
import { keepAnswer } from "../../src/domains/jobs/index.ts";
import { ledgerStore } from "../../src/domains/ledger/index.ts";
import { encodeRecord, type Intent, usageEventId } from "../../src/domains/metering/index.ts";
import { newRequestId } from "../../src/lib/ids.ts";
import { nanos } from "../../src/lib/money.ts";
import type { Usage } from "../../src/lib/quantities.ts";
import { folderDisk } from "../../src/platform/journal/disk.ts";
import { Journal } from "../../src/platform/journal/journal.ts";
import { CREDENTIAL, type CreatedKey, type Stack, sealKey, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

let stack: Stack;
let key: CreatedKey;

beforeAll(async () => {
  stack = await startStack();
  key = await stack.key();
  await stack.model({ name: "asked", price: { input: "1", output: "2" } });
  await stack.provider({ name: "blind", url: stack.upstreamUrl, credential: CREDENTIAL });
  await stack.model({ name: "unseen", provider: "blind", price: { input: "1", output: "2" } });
});
afterEach(() => stack.assertNoErrors());
afterAll(async () => {
  expect((await stack.ledger()).problems).toEqual([]);
  await stack[Symbol.asyncDispose]();
});

/** A gateway process of which only its journal and its lease are left. */
async function leaveJournal(
  models: readonly string[],
  write: (intents: Intent[]) => Promise<void>,
  options: { isKept: boolean } = { isKept: false },
) {
  const gatewayId = Bun.randomUUIDv7();
  const ledger = ledgerStore(stack.database);
  const { walletId, organizationId } = await findOrganization(stack.database, "acme");
  await ledger.registerGateway(gatewayId);
  const amount = nanos(1_000_000_000n);
  const { leaseId } = await ledger.takeLease({
    ...{ gatewayId, walletId, leaseId: undefined, need: amount, demand: amount, want: amount },
    ...{ gateways: 1, expiresAt: new Date("2100-01-01") },
  });
  const catalog = await readCatalog(stack.database, sealKey);
  const intents = models.map((name): Intent => {
    const model = catalog.get(name);
    return {
      requestId: newRequestId(),
      attempt: 0,
      organizationId,
      projectId: 1n,
      keyId: key.keyId,
      modelId: model?.modelId ?? 0n,
      deploymentId: model?.deployments[0]?.deploymentId ?? 0n,
      priceVersionId: model?.prices[0]?.priceVersionId ?? 0n,
      serviceTier: "standard",
      leaseIds: [leaseId],
      startedAtMs: Date.now(),
      inputTokensCounted: 11,
      inputTokensMax: 500,
      outputTokensMax: 100,
      holdNanos: nanos(1_000_000n),
      ...options,
    };
  });
  const folder = join(stack.home, "journal", gatewayId);
  await write(intents);
  // Written elsewhere first: the worker must not find a journal that is still being written by nobody.
  const draft = join(stack.home, `draft-${gatewayId}`);
  const journal = await Journal.open({
    disk: folderDisk(draft),
    segmentBytes: 64 * 1024,
    groupMaxRecords: 64,
    wait: Bun.sleep,
    onTrouble: () => undefined,
  });
  for (const intent of intents) await journal.append(encodeRecord({ type: "intent", intent }));
  await journal.close();
  await Bun.$`mkdir -p ${join(stack.home, "journal")} && mv ${draft} ${folder}`.quiet();
  return { gatewayId, folder, intents };
}

/** The provider works on the attempt, as it would if the gateway had lived. */
function serve(intent: Intent, script: object): Promise<Response> {
  return fetch(`${stack.upstreamUrl}/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${CREDENTIAL}`,
      "x-baseload-attempt": usageEventId(intent),
    },
    body: JSON.stringify({
      model: "sandbox-echo",
      messages: [{ role: "user", content: "Hello." }],
      sandbox: script,
    }),
  });
}

async function untilRecovered(gatewayId: string, folder: string): Promise<void> {
  await until("that the gateway is recovered", async () => {
    const { rows } = await stack.database.pool.query<{ state: string }>(
      "select state from gateway_process where gateway_id = $1",
      [gatewayId],
    );
    return rows[0]?.state === "recovered" && !existsSync(folder);
  });
}

async function eventOf(intent: Intent) {
  const [event, ...others] = await stack.events({ requestId: intent.requestId });
  expect(others).toEqual([]);
  return event;
}

describe("attempts that a dead gateway left open", () => {
  test("are charged what the provider says, nothing where it never saw them, the input where it cannot be asked", async () => {
    const { gatewayId, folder, intents } = await leaveJournal(
      ["asked", "asked", "unseen"],
      async ([finished]) => {
        await serve(finished as Intent, { prompt_tokens: 40, completion_tokens: 9 });
      },
    );
    await untilRecovered(gatewayId, folder);
    const [finished, unknown, unseen] = await Promise.all(intents.map(eventOf));

    expect(finished).toMatchObject({
      ...{ outcome: "interrupted", source: "lookup", inputTokens: 40, outputTokens: 9 },
      ...{ costPicos: 58_000_000n, chargeNanos: 58_000n },
    });
    expect(unknown).toMatchObject({ outcome: "interrupted", source: "none", chargeNanos: 0n });
    expect(unseen).toMatchObject({
      ...{ outcome: "interrupted", source: "counted", inputTokens: 11, outputTokens: 0 },
    });
  });

  test("are waited for while the provider still works on them", async () => {
    let answer: Promise<Response> | undefined;
    const { gatewayId, folder, intents } = await leaveJournal(["asked"], async ([running]) => {
      const calls = (await stack.served()).calls;
      answer = serve(running as Intent, {
        ...{ prompt_tokens: 40, completion_tokens: 25, token_delay_ms: 60 },
      });
      await until("that the provider works", async () => (await stack.served()).calls > calls);
    });
    const [running] = intents as [Intent];
    expect(await eventOf(running)).toBeUndefined();
    await untilRecovered(gatewayId, folder);
    await answer;

    expect(await eventOf(running)).toMatchObject({ source: "lookup", outputTokens: 25 });
  });

  test("of a model that was removed since are settled like the others", async () => {
    await stack.model({ name: "short-lived" });
    const { gatewayId, folder, intents } = await leaveJournal(["short-lived"], async ([one]) => {
      await serve(one as Intent, { prompt_tokens: 5, completion_tokens: 3 });
      await removeModel(stack.database, { name: "short-lived", actor: "test" });
    });
    await untilRecovered(gatewayId, folder);

    expect(await eventOf(intents[0] as Intent)).toMatchObject({
      ...{ source: "lookup", inputTokens: 5, outputTokens: 3 },
    });
  });

  test("on behalf of a job are charged if and only if their answers are kept, and what comes late is not", async () => {
    const late: Usage = {
      ...{ quantities: { uncached_input: 40, output_text: 9 }, source: "provider", raw: null },
    };
    const keep = (intent: Intent) =>
      keepAnswer(stack.database, {
        ...{ requestId: intent.requestId, attempt: 0, isBilled: true, usage: late },
        ...{ body: new Uint8Array(), contentType: "application/json" },
      });
    const { gatewayId, folder, intents } = await leaveJournal(
      ["asked", "asked", "asked"],
      async (open) => {
        const [kept, lost] = open as [Intent, Intent, Intent];
        for (const { requestId, organizationId } of [kept, lost]) {
          await stack.database.pool.query(
            "insert into kept_answer (request_id, organization_id, state) values ($1, $2, 'begun')",
            [requestId, organizationId],
          );
        }
        expect(await keep(kept)).toBe(true);
        // The provider worked on all of them, and would say so.
        for (const intent of open) await serve(intent, { prompt_tokens: 40, completion_tokens: 9 });
      },
      { isKept: true },
    );
    await untilRecovered(gatewayId, folder);
    const [kept, lost, never] = await Promise.all(intents.map(eventOf));

    expect(kept).toMatchObject({
      ...{ outcome: "interrupted", source: "provider", inputTokens: 40, outputTokens: 9 },
      ...{ costPicos: 58_000_000n, chargeNanos: 58_000n },
    });
    for (const event of [lost, never]) {
      expect(event).toMatchObject({ outcome: "interrupted", source: "none", costPicos: 0n });
    }
    for (const intent of intents.slice(1)) expect(await keep(intent)).toBe(false);
  });

  test("hold no money any more", async () => {
    await stack.stopWorker();
    for (const gateway of stack.gateways) await gateway.stop();
    await stack.startWorker();
    await stack.untilIdle();
    const wallet = await stack.wallet("acme");

    expect(wallet.availableNanos + wallet.spentNanos).toBe(wallet.grantedNanos);
    expect(wallet.spentNanos).toBeGreaterThan(0n);
  });
});
