/**
 * Ports. Gateways share theirs (SO_REUSEPORT), so a second installation on the same port would not fail but
 * silently take half of the calls: the supervisor asks for the port alone before it lets them share it.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { z } from "zod";
import { Failure } from "../lib/errors.ts";
import { runFolderOf } from "../platform/process-sockets.ts";

const LOOPBACK = "127.0.0.1";

export async function assertPortFree(
  what: string,
  listen: { port: number; host: string; flag: string },
): Promise<void> {
  const code = await tryListen(listen.port, listen.host);
  if (code === undefined) return;
  const where = `${listen.host}:${listen.port}`;
  const reasons: Record<string, string> = {
    EADDRINUSE: `another program already listens on ${where}`,
    EACCES: `ports below 1024 need special rights, and ${where} is one`,
    EADDRNOTAVAIL: `this machine does not have the address ${listen.host}`,
  };
  throw new Failure(
    "conflict",
    `The ${what} cannot start: ${reasons[code] ?? code}. Choose another port with ${listen.flag}, or stop that program.`,
  );
}

const Ports = z.record(z.string(), z.int());

/** Free ports of the loopback, by name. A name gets the port that it had last time, if it can. */
export class PortBook {
  readonly #path: string;
  readonly #ports: Record<string, number>;
  readonly #given = new Set<number>();

  constructor(home: string) {
    this.#path = join(runFolderOf(home), "ports.json");
    this.#ports = readPorts(this.#path);
  }

  async portFor(name: string): Promise<number> {
    const last = this.#ports[name];
    const port =
      last !== undefined &&
      !this.#given.has(last) &&
      (await tryListen(last, LOOPBACK)) === undefined
        ? last
        : await this.#findFree();
    this.#given.add(port);
    this.#ports[name] = port;
    this.#write();
    return port;
  }

  async #findFree(): Promise<number> {
    const port = await freePort();
    return this.#given.has(port) ? await this.#findFree() : port;
  }

  #write(): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    writeFileSync(`${this.#path}.new`, `${JSON.stringify(this.#ports)}\n`, { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

function readPorts(path: string): Record<string, number> {
  try {
    return Ports.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    // A first start, or a file that was cut: ports are drawn anew.
    return {};
  }
}

/** Undefined when it worked, otherwise the error's code. */
function tryListen(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve((error as { code?: string }).code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port: 0, host: LOOPBACK }, () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === "object" && address !== null ? address.port : 0),
      );
    });
  });
}
