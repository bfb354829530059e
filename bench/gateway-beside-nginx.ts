/**
 * The gateway with everything on (keys, holds, leases, synced journal, worker posting to PostgreSQL) beside
 * nginx `proxy_pass` on the same upstream, in turns, in one run. Needs `nginx` and `wrk` on the path.
 *
 * Run with: bin/baseload-bun bench/gateway-beside-nginx.ts [rounds] [seconds]
 */
import { median, startBenchInstallation, startNginx } from "./support/installation.ts";
import { type Run, runWrk } from "./support/wrk.ts";

const ROUNDS = Number(process.argv[2] ?? 5);
const SECONDS = Number(process.argv[3] ?? 4);
const CONNECTIONS = 64;
const PATH = "/v1/chat/completions";

const message = { role: "assistant", content: "A static answer of a model that is not there." };
const answer = JSON.stringify({
  ...{ id: "chatcmpl-1", object: "chat.completion", created: 1, model: "static" },
  choices: [{ index: 0, message, finish_reason: "stop" }],
  usage: { prompt_tokens: 40, completion_tokens: 12, total_tokens: 52 },
});
const body = JSON.stringify({
  model: "static",
  messages: [
    { role: "system", content: "You are a helpful assistant." },
    { role: "user", content: "Say hello to the world, please, in one short sentence." },
  ],
  max_tokens: 50,
});

await using nginx = await startNginx([{ path: PATH, type: "application/json", body: answer }]);
await using installation = await startBenchInstallation();
const { baseload } = installation;
baseload(
  ...["provider", "add", "static", "--dialect", "openai-chat", "--allow-private"],
  ...["--base-url", `http://127.0.0.1:${nginx.port}/v1`],
);
baseload(
  ...["model", "add", "static", "--provider", "static", "--max-output-tokens", "4096"],
  ...["--input-usd-per-mtok", "0.15", "--output-usd-per-mtok", "0.6"],
);
const { key } = baseload(
  ...["key", "create", "--organization", "bench", "--project", "bench", "--name", "bench"],
);
baseload("credit", "add", "--organization", "bench", "--usd", "100000");

const targets = {
  nginx: { port: nginx.proxyPort, pids: nginx.pids },
  gateway: { port: installation.port, pids: installation.gatewayPids() },
};
const runs: Record<keyof typeof targets, Run[]> = { nginx: [], gateway: [] };
// One turn that is not counted: compilers, pools and caches warm up.
for (let round = -1; round < ROUNDS; round++) {
  for (const name of ["nginx", "gateway"] as const) {
    const { port, pids } = targets[name];
    const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
    const post = { url: `http://127.0.0.1:${port}${PATH}`, headers, body };
    const run = runWrk(post, { connections: CONNECTIONS, seconds: SECONDS, pids });
    if (round >= 0) runs[name].push(run);
  }
}

process.stdout.write(`medians of ${ROUNDS} rounds of ${SECONDS} s, ${CONNECTIONS} connections\n`);
for (const [name, ofTarget] of Object.entries(runs)) {
  const of = (field: keyof Run) => median(ofTarget.map((run) => run[field]));
  process.stdout.write(
    `${name.padEnd(8)} ${Math.round(of("requestsPerSecond"))} requests/s, p50 ${of("p50Ms").toFixed(2)} ms, ` +
      `p99 ${of("p99Ms").toFixed(2)} ms, ${of("cpuMicros").toFixed(0)} µs CPU per request\n`,
  );
}
const ratios = runs.gateway.map(
  ({ requestsPerSecond }, i) => requestsPerSecond / (runs.nginx[i]?.requestsPerSecond ?? 1),
);
process.stdout.write(`gateway / nginx, median of pairs: ${median(ratios).toFixed(3)}\n`);
await installation.checkLedger("bench");
