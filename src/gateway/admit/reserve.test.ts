import { describe, expect, test } from "bun:test";
import type { Hold, LeasePool } from "../../domains/ledger/index.ts";
import { systemClock } from "../../lib/clock.ts";
import { nanos, picos } from "../../lib/money.ts";
import type { Gateway } from "../gateway.ts";
import { type Reserving, reserve } from "./reserve.ts";

const NANOS_PER_TOKEN = 10n;
const MAX_TOKENS = 100;

type Reservation = Awaited<ReturnType<LeasePool["reserve"]>>;

/** Only output costs: ten nano-dollars for a token. */
const reserving = {
  call: {},
  principal: { organization: "acme", walletIds: [7n] },
  plan: {
    isBilled: true,
    candidates: [
      {
        price: { uncached_input: picos(0n), output_text: picos(NANOS_PER_TOKEN * 1000n) },
        maxOutputTokens: 1_000,
        contextTokens: undefined,
      },
    ],
  },
  request: {
    ...{ maxTokens: MAX_TOKENS, choices: 1, inputTokensMax: 10, inputTokensCounted: 5 },
    ...{ producesTokens: true, fixed: {} },
  },
} as unknown as Reserving;

const short = (tokens: bigint): Reservation => ({
  isCovered: false,
  walletId: 7n,
  affordable: nanos(tokens * NANOS_PER_TOKEN),
});

/** A pool whose answers are given, one for each round of the competition for the last of a wallet. */
function gatewayWith(rounds: { found: Reservation; left: bigint; isHeldElsewhere: boolean }[]) {
  let round = -1;
  const at = () => rounds[round] ?? rounds.at(-1);
  const taken: bigint[] = [];
  const pool = {
    tryReserve(_: unknown, amount: bigint): Hold | undefined {
      if ((at()?.left ?? 0n) * NANOS_PER_TOKEN < amount || round < 0) return undefined;
      taken.push(amount);
      return { amount } as Hold;
    },
    async reserve() {
      round += 1;
      return at()?.found;
    },
    reserveRest: async () => nanos((at()?.left ?? 0n) * NANOS_PER_TOKEN),
    mayComeBack: () => at()?.isHeldElsewhere === true,
  };
  const gateway = {
    pool,
    clock: systemClock,
    isDraining: () => false,
    journal: { whyRefusing: () => undefined },
  } as unknown as Gateway;
  return { gateway, taken, rounds: () => round + 1 };
}

describe("a call that its wallet cannot cover", () => {
  test("is lowered to what is left", async () => {
    const { gateway, taken } = gatewayWith([
      { found: short(40n), left: 40n, isHeldElsewhere: true },
    ]);

    const payment = await reserve(gateway, reserving);

    expect(payment).toMatchObject({ outputTokensMax: 40, isLowered: true });
    expect(taken).toEqual([40n * NANOS_PER_TOKEN]);
  });

  test("tries again when another call was faster and may give a part back", async () => {
    const { gateway, rounds } = gatewayWith([
      { found: short(40n), left: 0n, isHeldElsewhere: true },
      { found: short(30n), left: 30n, isHeldElsewhere: true },
    ]);

    const payment = await reserve(gateway, reserving);

    expect(payment).toMatchObject({ outputTokensMax: 30, isLowered: true });
    expect(rounds()).toBe(2);
  });

  test("is refused at once when what it lost will not come back", async () => {
    const { gateway, rounds } = gatewayWith([
      { found: short(40n), left: 0n, isHeldElsewhere: false },
    ]);

    await expect(reserve(gateway, reserving)).rejects.toMatchObject({ kind: "insufficient_funds" });
    expect(rounds()).toBe(1);
  });

  test("is refused when what is left pays for no answer", async () => {
    const { gateway } = gatewayWith([{ found: short(3n), left: 3n, isHeldElsewhere: true }]);

    await expect(reserve(gateway, reserving)).rejects.toMatchObject({ kind: "insufficient_funds" });
  });
});
