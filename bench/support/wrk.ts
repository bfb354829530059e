/** One run of `wrk` against one URL, with the CPU that some processes used for it. */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuSeconds } from "./installation.ts";

export type Post = { url: string; headers: Readonly<Record<string, string>>; body: string };

export type Run = { requestsPerSecond: number; p50Ms: number; p99Ms: number; cpuMicros: number };

export function runWrk(
  post: Post,
  options: { connections: number; seconds: number; pids: readonly number[] },
): Run {
  const path = join(tmpdir(), `baseload-wrk-${process.pid}.lua`);
  const headers = Object.entries(post.headers).map(
    ([name, value]) => `wrk.headers["${name}"] = "${value}"`,
  );
  writeFileSync(
    path,
    `wrk.method = "POST"\n${headers.join("\n")}\nwrk.body = [==[${post.body}]==]\n`,
  );
  const before = cpuSeconds(options.pids);
  const run = Bun.spawnSync([
    ...["wrk", "-t1", `-c${options.connections}`, `-d${options.seconds}`, "--latency"],
    ...["-s", path, post.url],
  ]);
  const text = run.stdout.toString();
  if (/Non-2xx/.test(text)) throw new Error(`calls of ${post.url} failed:\n${text}`);
  const requests = Number(/(\d+) requests in/.exec(text)?.[1]);
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]),
    p50Ms: milliseconds(/^\s+50%\s+(\S+)/m.exec(text)?.[1]),
    p99Ms: milliseconds(/^\s+99%\s+(\S+)/m.exec(text)?.[1]),
    cpuMicros: ((cpuSeconds(options.pids) - before) / requests) * 1e6,
  };
}

function milliseconds(text = ""): number {
  const value = Number.parseFloat(text);
  return text.endsWith("us") ? value / 1_000 : text.endsWith("ms") ? value : value * 1_000;
}
