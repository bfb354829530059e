import { expect, test } from "bun:test";
import { nanos } from "../../lib/money.ts";
import { boundedLedger } from "./bounded-ledger.ts";

test("an answer in time passes; one that does not come counts as lost", async () => {
  const never = Promise.withResolvers<never>().promise;
  const ledger = boundedLedger(
    {
      takeLease: () => Promise.reject(new Error("refused")),
      returnLease: async () => true,
      renewLeases: () => never,
    },
    20,
  );

  expect(await ledger.returnLease(1n, nanos(1n))).toBe(true);
  await expect(ledger.renewLeases("gateway", new Date(0))).rejects.toThrow("20 ms");
  await expect(ledger.takeLease({} as never)).rejects.toThrow("refused");
});
