import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertPortFree, PortBook } from "./ports.ts";

const host = "127.0.0.1";

function listen(port = 0) {
  const server = Bun.serve({ port, hostname: host, reusePort: true, fetch: () => new Response() });
  return { port: server.port ?? 0, stop: () => server.stop(true) };
}

describe("assertPortFree", () => {
  test("refuses a port that is taken, even by one who would share it", async () => {
    const other = listen();

    const assertion = assertPortFree("data plane", { port: other.port, host, flag: "--port" });

    await expect(assertion).rejects.toThrow("Choose another port with --port");
    await other.stop();
    await assertPortFree("data plane", { port: other.port, host, flag: "--port" });
  });

  test("says when the machine does not have the address", async () => {
    const assertion = assertPortFree("data plane", { port: 1, host: "192.0.2.1", flag: "--port" });

    await expect(assertion).rejects.toThrow("does not have the address 192.0.2.1");
  });
});

describe("the port book", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "baseload-ports-"));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  test("gives the same name the same port again", async () => {
    const sandbox = await new PortBook(home).portFor("sandbox");

    expect(await new PortBook(home).portFor("sandbox")).toBe(sandbox);
  });

  test("gives another port when the last one is taken", async () => {
    const last = await new PortBook(home).portFor("sandbox");
    const other = listen(last);

    expect(await new PortBook(home).portFor("sandbox")).not.toBe(last);
    await other.stop();
  });

  test("gives different names different ports", async () => {
    const book = new PortBook(home);
    const names = ["a", "b", "c", "d", "e"];

    const ports = await Promise.all(names.map((name) => book.portFor(name)));

    expect(new Set(ports).size).toBe(names.length);
  });

  test("starts anew after its file was cut", async () => {
    const book = new PortBook(home);
    await book.portFor("sandbox");
    writeFileSync(join(home, "run", "ports.json"), "{");

    expect(await new PortBook(home).portFor("sandbox")).toBeGreaterThan(0);
  });
});
