import { describe, expect, test } from "bun:test";
import { FairSlots } from "./fair-slots.ts";

const signal = new AbortController().signal;

describe("places for lines", () => {
  test("one who is alone gets all; who comes then gets the next that are given back", async () => {
    const slots = new FairSlots(8);
    expect(await slots.take("big", 100, signal)).toBe(8);

    const order: string[] = [];
    const again = slots.take("big", 100, signal).then((count) => order.push(`big ${count}`));
    const small = slots.take("small", 1, signal).then((count) => order.push(`small ${count}`));
    slots.giveBack("big", 1);
    await small;
    slots.giveBack("big", 1);
    await again;

    expect(order).toEqual(["small 1", "big 1"]);
  });

  test("those who wait together share what is free", async () => {
    const slots = new FairSlots(9);
    const groups = ["a", "b", "c"];
    const counts = await Promise.all(groups.map((group) => slots.take(group, 100, signal)));
    expect(counts).toEqual([3, 3, 3]);
  });

  test("who gives up leaves the line", async () => {
    const slots = new FairSlots(1);
    await slots.take("a", 1, signal);
    const stop = new AbortController();
    const left = slots.take("b", 1, stop.signal);
    stop.abort();
    expect(await left).toBe(0);
    slots.giveBack("a", 1);
    expect(await slots.take("c", 1, signal)).toBe(1);
  });
});
