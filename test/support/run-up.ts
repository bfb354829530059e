/** `baseload up` as a process of its own, on free ports and a home of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { postgresRootOf } from "../../src/platform/postgres/embedded.ts";
import { until } from "./until.ts";

const mainFile = join(import.meta.dir, "..", "..", "src", "main.ts");
/** A first start makes a database, on machines that have other things to do. */
const START_TIMEOUT_MS = 60_000;

export type UpState = {
  pid: number;
  port: number;
  control_port: number;
  processes: { name: string; role: string; pid: number | null }[];
};

export type UpProcess = {
  gatewayUrl: string;
  controlUrl: string;
  process: ChildProcess;
  output(): string;
  untilReady(): Promise<void>;
  /** The exit code, or the signal that ended it. */
  ended: Promise<number | string>;
  state(): UpState;
  pidsOf(role: string): number[];
};

export type UpHome = Disposable & {
  home: string;
  port: number;
  controlPort: number;
  start(...words: string[]): UpProcess;
};

export async function makeUpHome(): Promise<UpHome> {
  const home = mkdtempSync(join(tmpdir(), "baseload-up-"));
  const [port, controlPort] = [await freePort(), await freePort()];
  const started: ChildProcess[] = [];
  return {
    home,
    port,
    controlPort,
    start(...words) {
      const up = startUp({ home, port, controlPort, words });
      started.push(up.process);
      return up;
    },
    [Symbol.dispose]() {
      for (const child of started) child.kill("SIGKILL");
      stopPostgres(home);
      rmSync(postgresRootOf(home), { recursive: true, force: true });
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function startUp(options: {
  home: string;
  port: number;
  controlPort: number;
  words: readonly string[];
}): UpProcess {
  const { home, port, controlPort, words } = options;
  const ports = ["--port", String(port), "--control-port", String(controlPort)];
  const child = spawn(
    process.execPath,
    [mainFile, "up", "--home", home, ...ports, "--no-model", ...words],
    { stdio: ["ignore", "pipe", "pipe"], detached: true },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<number | string>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  const state = (): UpState => JSON.parse(readFileSync(join(home, "run", "up.json"), "utf8"));
  return {
    gatewayUrl: `http://127.0.0.1:${port}`,
    controlUrl: `http://127.0.0.1:${controlPort}`,
    process: child,
    output: () => output,
    async untilReady() {
      await until("baseload up to be ready", () => output.includes("Ready in "), {
        deadlineMs: START_TIMEOUT_MS,
        describe: () => output,
      });
    },
    ended,
    state,
    pidsOf: (role) =>
      state()
        .processes.filter((one) => one.role === role)
        .flatMap((one) => one.pid ?? []),
  };
}

/** A test that kills the supervisor leaves its database running, as it should be; nobody else stops it. */
function stopPostgres(home: string): void {
  try {
    const [pid = ""] = readFileSync(
      join(postgresRootOf(home), "data", "postmaster.pid"),
      "utf8",
    ).split("\n");
    process.kill(Number(pid), "SIGQUIT");
  } catch {
    // It does not run.
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}
