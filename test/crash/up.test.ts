import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { isAlive } from "../../src/platform/postgres/postmaster.ts";
import { readSecrets } from "../../src/platform/secrets.ts";
import { makeUpHome, type UpHome, type UpProcess } from "../support/run-up.ts";
import { until } from "../support/until.ts";

/** The tests tell one story of one installation, in order: a first start, accidents, an orderly end. */
describe("baseload up", () => {
  let up: UpHome;
  let running: UpProcess;
  let testKey: string;
  beforeAll(async () => {
    up = await makeUpHome();
  });
  afterAll(() => up[Symbol.dispose]());

  const chat = (sandbox: object, options: { stream?: boolean } = {}) =>
    fetch(`${running.gatewayUrl}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${testKey}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: "sandbox-static",
        messages: [{ role: "user", content: "Hello" }],
        sandbox,
        ...options,
      }),
    });
  const answers = () =>
    chat({}).then(
      (response) => response.status === 200,
      () => false,
    );

  test("the first start shows an account, a first call and how to go on", async () => {
    running = up.start();
    await running.untilReady();

    await until("the last line", () => running.output().includes("OpenAI SDK"));
    const output = running.output();
    testKey = /bl_test\w+/.exec(output)?.[0] ?? "";
    expect(output).toMatch(/export BASELOAD_API_KEY=bl_live\w+/);
    expect(output).toContain("This is the sandbox of Baseload.");
    expect(output).toContain(`${running.gatewayUrl}/v1`);
    expect(output).not.toContain("\u001b");
    expect(await answers()).toBe(true);
  });

  test("what it keeps is for its owner only", () => {
    expect(statSync(up.home).mode & 0o077).toBe(0);
    for (const path of ["secrets.json", "run/up.json", "logs/up.log"]) {
      expect(statSync(join(up.home, path)).mode & 0o077).toBe(0);
    }
  });

  test("a second one on the same home is refused, and so is one on the same port", async () => {
    const sameHome = up.start();
    expect(await sameHome.ended).toBe(1);
    expect(sameHome.output()).toContain("already runs");

    using other = await makeUpHome();
    const samePort = other.start("--port", String(up.port));
    expect(await samePort.ended).toBe(1);
    expect(samePort.output()).toContain(`another program already listens on 127.0.0.1:${up.port}`);
  });

  test("a wrong flag ends it with the code for wrong usage and a hint", async () => {
    using other = await makeUpHome();
    const wrong = other.start("--gatways", "2");

    expect(await wrong.ended).toBe(2);
    expect(wrong.output()).toContain("Did you mean --gateways?");
  });

  test.each(["gateway", "control", "worker", "sandbox"])(
    "a %s that is killed is started again",
    async (role) => {
      const [pid = 0] = running.pidsOf(role);
      process.kill(pid, "SIGKILL");

      await until("another process in its place", () => {
        const pids = running.pidsOf(role);
        return !pids.includes(pid) && pids.length === (role === "gateway" ? 2 : 1);
      });
      await until("the news on the screen", () => running.output().includes(`${role}`));
      await until("an answer", answers);
    },
  );

  test("PostgreSQL that is killed is started again, and the control plane finds it", async () => {
    const postgres = await import("../../src/platform/postgres/embedded.ts");
    const { findPostmaster } = await import("../../src/platform/postgres/postmaster.ts");
    const dataDirectory = join(postgres.postgresRootOf(up.home), "data");
    const pid = findPostmaster(dataDirectory)?.pid ?? 0;
    process.kill(pid, "SIGKILL");

    await until("PostgreSQL runs again", () => running.output().includes("PostgreSQL runs again"));
    expect(findPostmaster(dataDirectory)?.pid).not.toBe(pid);
    const token = readSecrets(up.home).admin_token;
    await until("the control plane to answer", async () => {
      const response = await fetch(`${running.controlUrl}/api/v1/organizations`, {
        headers: { authorization: `Bearer ${token}` },
      });
      return response.ok;
    });
  });

  test("when it is killed its processes end, and the next start takes over the database", async () => {
    const children = running.state().processes.flatMap((one) => one.pid ?? []);
    running.process.kill("SIGKILL");
    await running.ended;
    await until("all processes to end", () => children.every((pid) => !isAlive(pid)));

    running = up.start();
    await running.untilReady();

    expect(running.output()).not.toContain("First call");
    expect(await answers()).toBe(true);
  });

  test("a stop lets a running stream end, takes no new calls, and leaves nothing behind", async () => {
    const response = await chat({ completion_tokens: 15, token_delay_ms: 100 }, { stream: true });
    running.process.kill("SIGINT");
    const text = await response.text();

    expect(text).toEndWith("data: [DONE]\n\n");
    expect(await running.ended).toBe(0);
    expect(running.output()).toContain("calls under way have ended");
    expect(existsSync(join(up.home, "run", "up.json"))).toBe(false);
    expect(existsSync(join(up.home, "run", "up.lock"))).toBe(false);
    await expect(chat({})).rejects.toThrow();
  });

  test("a second Ctrl-C does not wait for a stream", async () => {
    running = up.start();
    await running.untilReady();
    const response = await chat(
      { completion_tokens: 2_000, token_delay_ms: 100 },
      { stream: true },
    );
    const children = running.state().processes.flatMap((one) => one.pid ?? []);

    running.process.kill("SIGINT");
    await Bun.sleep(1_000);
    running.process.kill("SIGINT");

    expect(await running.ended).toBe(1);
    await response.text().catch(() => undefined);
    expect(children.filter(isAlive)).toEqual([]);
  });
});
