import { afterEach, describe, expect, test } from "bun:test";
import { until } from "../../test/support/until.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLog } from "../platform/log.ts";
import { Child } from "./child.ts";

const READY = `echo '{"ready":true,"role":"worker"}'`;

describe("a supervised process", () => {
  const children: Child[] = [];
  afterEach(() => Promise.all(children.splice(0).map((child) => child.kill())));

  function start(script: string) {
    const ends: string[] = [];
    let readies = 0;
    const child = new Child({
      name: "worker",
      role: "worker",
      command: ["sh", "-c", script],
      variables: { PATH: "/usr/bin:/bin" },
      clock: systemClock,
      log: silentLog,
      onEnd: (reason) => ends.push(reason),
      onReady: () => {
        readies += 1;
      },
    });
    children.push(child);
    return { child, ends, readies: () => readies };
  }

  test("is ready when it says so", async () => {
    const { child, readies } = start(`echo noise; ${READY}; exec cat`);

    await child.ready;

    expect(readies()).toBe(1);
    expect(child.pid).toBeGreaterThan(0);
  });

  test("is started again when it ends by itself", async () => {
    const { child, ends, readies } = start(`${READY}; exec cat`);
    await child.ready;
    process.kill(child.pid ?? 0, "SIGKILL");

    await until("it to be ready again", () => readies() === 2);

    expect(ends).toEqual(["it was ended by SIGKILL"]);
  });

  test("that is never ready is given up, with its last words", async () => {
    const { child, ends } = start("echo 'the disk is full' >&2; exit 3");

    await expect(child.ready).rejects.toThrow(
      /does not start: it ended with code 3\.\n {4}the disk is full/,
    );
    expect(ends).toHaveLength(2);
  });

  test("stops when it is asked to, and is not started again", async () => {
    const { child, ends } = start(`trap 'exit 0' TERM; ${READY}; while :; do sleep 0.02; done`);
    await child.ready;

    await child.stop(5_000);

    expect(child.pid).toBeUndefined();
    expect(ends).toEqual([]);
  });

  test("is ended by force when it does not stop", async () => {
    const { child } = start(`trap '' TERM; ${READY}; while :; do sleep 0.02; done`);
    await child.ready;

    await child.stop(100);

    expect(child.pid).toBeUndefined();
  });

  test("that cannot be started at all says so", async () => {
    const child = new Child({
      name: "worker",
      role: "worker",
      command: ["/no/such/program"],
      variables: {},
      clock: systemClock,
      log: silentLog,
      onEnd: () => undefined,
      onReady: () => undefined,
    });
    children.push(child);

    await expect(child.ready).rejects.toThrow("worker does not start");
  });
});
