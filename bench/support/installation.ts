/** A whole Baseload on a scratch home and free ports, and a static upstream of nginx, for benchmarks. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { postgresRootOf } from "../../src/platform/postgres/embedded.ts";

const root = join(import.meta.dir, "../..");
const CLOCK_TICKS_PER_SECOND = 100;

export type BenchInstallation = AsyncDisposable & {
  home: string;
  port: number;
  /** Runs one command with `--json`. */
  baseload(...words: string[]): Record<string, unknown>;
  gatewayPids(): number[];
  /** Every settled attempt is posted, and the ledger adds up. */
  checkLedger(...organizations: string[]): Promise<void>;
};

export async function startBenchInstallation(): Promise<BenchInstallation> {
  const home = mkdtempSync(join(tmpdir(), "baseload-bench-"));
  const [port, controlPort] = [freePort(), freePort()];
  const up = Bun.spawn(
    [
      ...[join(root, "bin/baseload"), "up", "--home", home, "--no-model", "--no-first-call"],
      ...["--port", `${port}`, "--control-port", `${controlPort}`],
    ],
    { stdout: "ignore", stderr: "inherit" },
  );
  const baseload = (...words: string[]) => {
    const run = Bun.spawnSync([join(root, "bin/baseload"), ...words, "--home", home, "--json"]);
    if (run.exitCode !== 0) throw new Error(`baseload ${words.join(" ")}: ${run.stderr}`);
    return JSON.parse(run.stdout.toString()) as Record<string, unknown>;
  };
  await until(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
  // The control plane may be a moment behind the gateways.
  await until(async () => Object.keys(baseload("status")).length > 0);
  return {
    home,
    port,
    baseload,
    gatewayPids() {
      const state = JSON.parse(readFileSync(join(home, "run/up.json"), "utf8")) as {
        processes: { role: string; pid: number }[];
      };
      return state.processes.filter(({ role }) => role === "gateway").map(({ pid }) => pid);
    },
    async checkLedger(...organizations) {
      const posted = () =>
        organizations.reduce(
          (sum, name) => sum + Number(baseload("usage", "--organization", name)["calls"]),
          0,
        );
      const served = await settledAttempts(port);
      await until(async () => posted() >= served);
      const { ok, transfers } = baseload("ledger", "check");
      process.stdout.write(
        `${served} attempts settled, ${posted()} calls posted, ledger check ${ok === true ? "ok" : "FAILED"} (${transfers} transfers)\n`,
      );
    },
    async [Symbol.asyncDispose]() {
      up.kill("SIGTERM");
      await up.exited;
      rmSync(postgresRootOf(home), { recursive: true, force: true });
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function settledAttempts(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const values = [...text.matchAll(/^baseload_attempts_total\{.*outcome="completed".*\} (\d+)$/gm)];
  return values.reduce((sum, match) => sum + Number(match[1]), 0);
}

export type StaticAnswer = { path: string; type: string; body: string };

export type StaticServer = AsyncDisposable & {
  /** Answers directly. */
  port: number;
  /** Passes on to the former, as a plain proxy does. */
  proxyPort: number;
  pids: readonly number[];
};

export async function startNginx(answers: readonly StaticAnswer[]): Promise<StaticServer> {
  const folder = mkdtempSync(join(tmpdir(), "baseload-nginx-"));
  const [port, proxyPort] = [freePort(), freePort()];
  mkdirSync(join(folder, "files"));
  const locations = answers.map(({ path, type, body }) => {
    // A text of nginx: its quotes and variables must not be ours.
    const text = body.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n");
    return `location ${path} { default_type ${type}; return 200 '${text}'; }`;
  });
  writeFileSync(
    join(folder, "nginx.conf"),
    `
worker_processes 2; daemon off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  keepalive_requests 100000000;
  upstream static { server 127.0.0.1:${port}; keepalive 256; keepalive_requests 100000000; }
  server { listen 127.0.0.1:${port} reuseport; ${locations.join("\n")} }
  server { listen 127.0.0.1:${proxyPort} reuseport;
    location / { proxy_pass http://static; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}`,
  );
  const nginx = Bun.spawn(["nginx", "-c", join(folder, "nginx.conf")], {
    stdout: "ignore",
    stderr: "inherit",
  });
  const children = () =>
    readFileSync(`/proc/${nginx.pid}/task/${nginx.pid}/children`, "utf8").trim();
  await until(async () => children() !== "");
  return {
    port,
    proxyPort,
    // Workers serve upstream and proxy alike: what is counted for the proxy includes its upstream's part.
    pids: children().split(" ").map(Number),
    async [Symbol.asyncDispose]() {
      nginx.kill("SIGTERM");
      await nginx.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** User and system time of processes, from the kernel's own accounting. */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, one) => sum + one, 0) / CLOCK_TICKS_PER_SECOND;
}

export async function until(isDone: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await isDone().catch(() => false)) return;
    await Bun.sleep(100);
  }
  throw new Error("waited a minute for nothing");
}

function freePort(): number {
  const server = Bun.serve({ port: 0, fetch: () => new Response() });
  const { port } = server;
  void server.stop(true);
  return port ?? 0;
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
