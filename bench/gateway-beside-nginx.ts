/**
 * The gateway with everything on (keys, holds, leases, synced journal, worker posting to PostgreSQL) beside
 * nginx `proxy_pass` on the same upstream, in turns, in one run. Needs `nginx` and `wrk` on the path.
 *
 * Run with: bin/baseload-bun bench/gateway-beside-nginx.ts [rounds] [seconds]
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { postgresRootOf } from "../src/platform/postgres/embedded.ts";

const ROUNDS = Number(process.argv[2] ?? 5);
const SECONDS = Number(process.argv[3] ?? 4);
const CONNECTIONS = 64;
const CLOCK_TICKS_PER_SECOND = 100;
const root = join(import.meta.dir, "..");
const home = mkdtempSync(join(tmpdir(), "baseload-bench-"));
const ports = { upstream: freePort(), nginx: freePort(), gateway: freePort(), control: freePort() };

const answer = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "static",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: "A static answer of a model that is not there." },
      finish_reason: "stop",
    },
  ],
  usage: { prompt_tokens: 40, completion_tokens: 12, total_tokens: 52 },
});

type Round = { requestsPerSecond: number; p50Ms: number; p99Ms: number; cpuMicros: number };

const nginx = startNginx();
const up = Bun.spawn(
  [join(root, "bin/baseload"), "up", "--home", home, "--no-model", "--no-first-call"].concat([
    "--port",
    String(ports.gateway),
    "--control-port",
    String(ports.control),
  ]),
  { stdout: "ignore", stderr: "inherit" },
);
try {
  const key = await prepare();
  const targets = {
    nginx: { port: ports.nginx, pids: await pidsOf(nginx.pid) },
    gateway: { port: ports.gateway, pids: gatewayPids() },
  };
  const rounds: Record<keyof typeof targets, Round[]> = { nginx: [], gateway: [] };
  // One turn that is not counted: compilers, pools and caches warm up.
  for (let round = -1; round < ROUNDS; round++) {
    for (const name of ["nginx", "gateway"] as const) {
      const measured = measure(targets[name], key);
      if (round >= 0) rounds[name].push(measured);
    }
  }
  print(rounds);
  await checkLedger();
} finally {
  up.kill("SIGTERM");
  await up.exited;
  nginx.kill("SIGTERM");
  await nginx.exited;
  rmSync(postgresRootOf(home), { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
}

function startNginx() {
  const folder = join(home, "nginx");
  mkdirSync(folder, { recursive: true });
  const text = `
worker_processes 2; daemon off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  keepalive_requests 100000000;
  upstream static { server 127.0.0.1:${ports.upstream}; keepalive 256; keepalive_requests 100000000; }
  server { listen 127.0.0.1:${ports.upstream} reuseport;
    location / { default_type application/json; return 200 '${answer}'; } }
  server { listen 127.0.0.1:${ports.nginx} reuseport;
    location / { proxy_pass http://static; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}`;
  writeFileSync(join(folder, "nginx.conf"), text);
  return Bun.spawn(["nginx", "-c", join(folder, "nginx.conf")], {
    stdout: "ignore",
    stderr: "ignore",
  });
}

async function prepare(): Promise<string> {
  await until(async () => (await fetch(`http://127.0.0.1:${ports.gateway}/readyz`)).ok);
  const providerUrl = `http://127.0.0.1:${ports.upstream}/v1`;
  baseload(
    "provider",
    "add",
    "static",
    "--dialect",
    "openai-chat",
    "--base-url",
    providerUrl,
    "--allow-private",
  );
  baseload(
    "model",
    "add",
    "static",
    "--provider",
    "static",
    "--input-usd-per-mtok",
    "0.15",
    "--output-usd-per-mtok",
    "0.6",
    "--max-output-tokens",
    "4096",
  );
  const { key } = baseload(
    "key",
    "create",
    "--organization",
    "bench",
    "--project",
    "bench",
    "--name",
    "bench",
  );
  baseload("credit", "add", "--organization", "bench", "--usd", "100000");
  writeFileSync(join(home, "post.lua"), script(String(key)));
  return String(key);
}

function script(key: string): string {
  return `
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer ${key}"
wrk.body = '{"model":"static","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"Say hello to the world, please, in one short sentence."}],"max_tokens":50}'
`;
}

function measure(target: { port: number; pids: readonly number[] }, _key: string): Round {
  const before = cpuSeconds(target.pids);
  const run = Bun.spawnSync(
    [
      "wrk",
      "-t1",
      `-c${CONNECTIONS}`,
      `-d${SECONDS}`,
      "--latency",
      "-s",
      join(home, "post.lua"),
    ].concat(`http://127.0.0.1:${target.port}/v1/chat/completions`),
  );
  const text = run.stdout.toString();
  if (/Non-2xx/.test(text)) throw new Error(`calls failed:\n${text}`);
  const requests = Number(/(\d+) requests in/.exec(text)?.[1]);
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]),
    p50Ms: milliseconds(/^\s+50%\s+(\S+)/m.exec(text)?.[1]),
    p99Ms: milliseconds(/^\s+99%\s+(\S+)/m.exec(text)?.[1]),
    cpuMicros: ((cpuSeconds(target.pids) - before) / requests) * 1e6,
  };
}

function milliseconds(text = ""): number {
  const value = Number.parseFloat(text);
  return text.endsWith("us") ? value / 1_000 : text.endsWith("ms") ? value : value * 1_000;
}

/** User and system time of processes, from the kernel's own accounting. */
function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, one) => sum + one, 0) / CLOCK_TICKS_PER_SECOND;
}

function gatewayPids(): number[] {
  const state = JSON.parse(readFileSync(join(home, "run/up.json"), "utf8")) as {
    processes: { role: string; pid: number }[];
  };
  return state.processes.filter(({ role }) => role === "gateway").map(({ pid }) => pid);
}

/** nginx's workers serve upstream and proxy alike: what is counted for nginx includes its upstream's part. */
async function pidsOf(master: number): Promise<number[]> {
  const children = () => readFileSync(`/proc/${master}/task/${master}/children`, "utf8");
  await until(async () => children().trim() !== "");
  return children().trim().split(" ").map(Number);
}

function print(rounds: Record<string, Round[]>): void {
  const median = (name: string, field: keyof Round) => {
    const values = (rounds[name] ?? []).map((round) => round[field]).sort((a, b) => a - b);
    return values[Math.floor(values.length / 2)] ?? Number.NaN;
  };
  const ratios = (rounds["gateway"] ?? [])
    .map((round, i) => round.requestsPerSecond / (rounds["nginx"]?.[i]?.requestsPerSecond ?? 1))
    .sort((a, b) => a - b);
  const line = (name: string) =>
    `${name.padEnd(8)} ${Math.round(median(name, "requestsPerSecond"))} requests/s, p50 ${median(name, "p50Ms").toFixed(2)} ms, ` +
    `p99 ${median(name, "p99Ms").toFixed(2)} ms, ${median(name, "cpuMicros").toFixed(0)} µs CPU per request\n`;
  process.stdout.write(`medians of ${ROUNDS} rounds of ${SECONDS} s, ${CONNECTIONS} connections\n`);
  process.stdout.write(line("nginx") + line("gateway"));
  process.stdout.write(
    `gateway / nginx, median of pairs: ${ratios[Math.floor(ratios.length / 2)]?.toFixed(3)}\n`,
  );
}

async function checkLedger(): Promise<void> {
  const usage = () => baseload("usage", "--organization", "bench");
  const served = Number(readMetric());
  await until(async () => Number(usage()["calls"]) >= served);
  const { ok, transfers } = baseload("ledger", "check");
  process.stdout.write(
    `${served} attempts settled, ${usage()["calls"]} calls posted, ledger check ${ok ? "ok" : "FAILED"} (${transfers} transfers)\n`,
  );
}

function readMetric(): number {
  const text = Bun.spawnSync([
    "curl",
    "-s",
    `http://127.0.0.1:${ports.gateway}/metrics`,
  ]).stdout.toString();
  const values = [...text.matchAll(/^baseload_attempts_total\{.*outcome="completed".*\} (\d+)$/gm)];
  return values.reduce((sum, match) => sum + Number(match[1]), 0);
}

function baseload(...words: string[]): Record<string, unknown> {
  const run = Bun.spawnSync([join(root, "bin/baseload"), ...words, "--home", home, "--json"]);
  if (run.exitCode !== 0) throw new Error(`baseload ${words.join(" ")}: ${run.stderr}`);
  return JSON.parse(run.stdout.toString()) as Record<string, unknown>;
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
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
