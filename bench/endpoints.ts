/**
 * Every endpoint beside the plain chat path, with everything on: what it adds to a static upstream at one connection,
 * and how many it answers at many. Passed on in the client's own dialect, and translated. Needs `nginx` and `wrk`.
 *
 * Run with: bin/baseload-bun bench/endpoints.ts [rounds] [seconds]
 */
import { median, startBenchInstallation, startNginx } from "./support/installation.ts";
import { type Post, type Run, runWrk } from "./support/wrk.ts";

const ROUNDS = Number(process.argv[2] ?? 3);
const SECONDS = Number(process.argv[3] ?? 2);
const CONNECTIONS = 32;

const text = "A static answer of a model that is not there.";
const question = "Say hello to the world, please, in one short sentence.";
const sse = (frames: readonly object[], end = "data: [DONE]\n\n"): string =>
  frames
    .map((frame) => {
      const type = (frame as { type?: string }).type;
      return `${type === undefined ? "" : `event: ${type}\n`}data: ${JSON.stringify(frame)}\n\n`;
    })
    .join("") + end;

const chatAnswer = {
  ...{ id: "chatcmpl-1", object: "chat.completion", created: 1, model: "static" },
  choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
  usage: { prompt_tokens: 40, completion_tokens: 12, total_tokens: 52 },
};
const chunk = (delta: object, finish_reason: string | null = null) => ({
  ...{ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "static" },
  choices: [{ index: 0, delta, finish_reason }],
});
const chatStream = sse([
  ...text.split(" ").map((word) => chunk({ content: `${word} ` })),
  chunk({}, "stop"),
  { ...chunk({}), choices: [], usage: chatAnswer.usage },
]);
const output = {
  ...{ type: "message", id: "msg_1", role: "assistant", status: "completed" },
  content: [{ type: "output_text", text, annotations: [] }],
};
const responsesAnswer = {
  ...{ id: "resp_1", object: "response", created_at: 1, model: "static", status: "completed" },
  output: [output],
  usage: { input_tokens: 40, output_tokens: 12, total_tokens: 52 },
};
const messagesAnswer = {
  ...{ id: "msg_1", type: "message", role: "assistant", model: "static" },
  content: [{ type: "text", text }],
  ...{ stop_reason: "end_turn", stop_sequence: null },
  usage: { input_tokens: 40, output_tokens: 12 },
};
const embedding = { object: "embedding", index: 0, embedding: Array(64).fill(0.25) };

const json = (path: string, body: object) => ({
  path: `= ${path}`,
  type: "application/json",
  body: JSON.stringify(body),
});

await using nginx = await startNginx([
  json("/chat/v1/chat/completions", chatAnswer),
  { path: "= /stream/v1/chat/completions", type: "text/event-stream", body: chatStream },
  json("/responses/v1/responses", responsesAnswer),
  json("/messages/v1/messages", messagesAnswer),
  json("/chat/v1/embeddings", {
    ...{ object: "list", model: "static", data: [embedding] },
    usage: { prompt_tokens: 12, total_tokens: 12 },
  }),
  json("/chat/v1/rerank", {
    results: [{ index: 0, relevance_score: 0.9 }],
    usage: { total_tokens: 30 },
  }),
  json("/chat/v1/moderations", { id: "m", model: "static", results: [{ flagged: false }] }),
]);
await using installation = await startBenchInstallation();
const { baseload } = installation;

const dialects = {
  chat: "openai-chat",
  stream: "openai-chat",
  responses: "openai-responses",
  messages: "anthropic-messages",
};
for (const [name, dialect] of Object.entries(dialects)) {
  baseload(
    ...["provider", "add", name, "--dialect", dialect, "--allow-private"],
    ...["--base-url", `http://127.0.0.1:${nginx.port}/${name}/v1`],
  );
  baseload(
    ...["model", "add", name, "--provider", name, "--max-output-tokens", "4096"],
    ...["--input-usd-per-mtok", "0.15", "--output-usd-per-mtok", "0.6"],
  );
}
const keyOf = (organization: string) => {
  const { key } = baseload(
    ...["key", "create", "--organization", organization, "--project", "p", "--name", "bench"],
  );
  baseload("credit", "add", "--organization", organization, "--usd", "100000");
  return String(key);
};
const key = keyOf("bench");
const cachingKey = keyOf("caching");
baseload("cache", "set", "--organization", "caching", "--ttl-seconds", "3600");

type Case = {
  name: string;
  path: string;
  body: object;
  /** What is asked directly, to know what the upstream itself takes. */
  upstream: string;
  key?: string;
};

const messages = [{ role: "user", content: question }];
const chat = { model: "chat", messages, max_tokens: 50 };
const responses = { input: question, max_output_tokens: 50, store: false };
const plain = "/chat/v1/chat/completions";
const cases: readonly Case[] = [
  { name: "chat", path: "chat/completions", body: chat, upstream: plain },
  {
    name: "chat, streamed",
    path: "chat/completions",
    body: { ...chat, model: "stream", stream: true },
    upstream: "/stream/v1/chat/completions",
  },
  {
    name: "chat, from the cache",
    path: "chat/completions",
    body: chat,
    upstream: plain,
    key: cachingKey,
  },
  {
    name: "responses",
    path: "responses",
    body: { ...responses, model: "responses" },
    upstream: "/responses/v1/responses",
  },
  {
    name: "responses on chat",
    path: "responses",
    body: { ...responses, model: "chat" },
    upstream: plain,
  },
  {
    name: "responses on chat, streamed",
    path: "responses",
    body: { ...responses, model: "stream", stream: true },
    upstream: "/stream/v1/chat/completions",
  },
  {
    name: "messages",
    path: "messages",
    body: { ...chat, model: "messages" },
    upstream: "/messages/v1/messages",
  },
  { name: "messages on chat", path: "messages", body: chat, upstream: plain },
  {
    name: "messages on chat, streamed",
    path: "messages",
    body: { ...chat, model: "stream", stream: true },
    upstream: "/stream/v1/chat/completions",
  },
  {
    name: "chat on messages",
    path: "chat/completions",
    body: { ...chat, model: "messages" },
    upstream: "/messages/v1/messages",
  },
  {
    name: "embeddings",
    path: "embeddings",
    body: { model: "chat", input: question },
    upstream: "/chat/v1/embeddings",
  },
  {
    name: "rerank",
    path: "rerank",
    body: { model: "chat", query: question, documents: [text] },
    upstream: "/chat/v1/rerank",
  },
  {
    name: "moderations",
    path: "moderations",
    body: { model: "chat", input: question },
    upstream: "/chat/v1/moderations",
  },
];

const pids = installation.gatewayPids();
const direct = (one: Case): Post => ({
  url: `http://127.0.0.1:${nginx.port}${one.upstream}`,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(one.body),
});
const through = (one: Case): Post => ({
  url: `http://127.0.0.1:${installation.port}/v1/${one.path}`,
  headers: { "content-type": "application/json", authorization: `Bearer ${one.key ?? key}` },
  body: JSON.stringify(one.body),
});

type Measured = { addedMs: number[]; many: Run[] };
const measured = new Map<string, Measured>(
  cases.map(({ name }) => [name, { addedMs: [], many: [] }]),
);
for (let round = -1; round < ROUNDS; round++) {
  for (const one of cases) {
    const [single, seconds] = [1, SECONDS];
    const bare = runWrk(direct(one), { connections: single, seconds, pids });
    const alone = runWrk(through(one), { connections: single, seconds, pids });
    const many = runWrk(through(one), { connections: CONNECTIONS, seconds, pids });
    if (round < 0) continue;
    measured.get(one.name)?.addedMs.push(alone.p50Ms - bare.p50Ms);
    measured.get(one.name)?.many.push(many);
  }
}

const rate = ({ many }: Measured) => median(many.map((run) => run.requestsPerSecond));
const plainRate = rate(measured.get("chat") ?? { addedMs: [], many: [] });
process.stdout.write(
  `medians of ${ROUNDS} rounds of ${SECONDS} s; added: p50 at 1 connection less that of the upstream alone; ` +
    `the rest at ${CONNECTIONS} connections\n\n` +
    "| endpoint | added p50 | requests/s | beside chat | p99 | CPU per request |\n|---|--:|--:|--:|--:|--:|\n",
);
for (const [name, one] of measured) {
  process.stdout.write(
    `| ${name} | ${median(one.addedMs).toFixed(2)} ms | ${Math.round(rate(one))} | ${(rate(one) / plainRate).toFixed(2)} | ` +
      `${median(one.many.map((run) => run.p99Ms)).toFixed(1)} ms | ${Math.round(median(one.many.map((run) => run.cpuMicros)))} µs |\n`,
  );
}
process.stdout.write("\n");
await installation.checkLedger("bench", "caching");
