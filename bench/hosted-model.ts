/**
 * Tokens per second of the hosted model through the runner's own HTTP, with one stream and with eight, beside
 * the chat session of the library underneath, in turns, in one run.
 *
 * Run with: bin/baseload-bun bench/hosted-model.ts [rounds] [tokens]
 */
import { availableParallelism } from "node:os";
import { getLlama, LlamaChatSession } from "node-llama-cpp";
import { hostedModelForTests } from "../test/support/hosted-model.ts";
import { endless, startTestRunner, user } from "../test/support/runner.ts";

const ROUNDS = Number(process.argv[2] ?? 5);
const TOKENS = Number(process.argv[3] ?? 128);
const STREAMS = [1, 8] as const;

type Rate = { perSecond: number; perCpuSecond: number };

const runner = await startTestRunner({ sequences: 8, contextTokens: 2_048 });
const session = await openSession();
const rates = new Map<string, Rate[]>();
// One round that is not counted warms everything up.
for (let round = -1; round < ROUNDS; round++) {
  for (const streams of STREAMS) {
    const measured = await measure(() => runAll(streams));
    if (round >= 0) note(`runner, ${streams} at once`, measured);
  }
  const alone = await measure(() => session());
  if (round >= 0) note("chat session, 1", alone);
}
for (const [name, all] of rates) {
  process.stdout.write(
    `${name.padEnd(20)} ${median(all, "perSecond")} tokens/s, ${median(all, "perCpuSecond")} per CPU-second\n`,
  );
}
await runner.stop();
process.exit(0);

async function runAll(streams: number): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: streams }, (_, i) =>
      runner.answer({
        messages: user(`Tell me story number ${i}.`),
        max_tokens: TOKENS,
        ...endless,
      }),
    ),
  );
  return answers.reduce((sum, answer) => sum + (answer.usage?.completion_tokens ?? 0), 0);
}

async function openSession(): Promise<() => Promise<number>> {
  const { path } = await hostedModelForTests();
  const llama = await getLlama({
    build: "never",
    gpu: false,
    maxThreads: Math.max(1, availableParallelism() - 1),
  });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({ contextSize: 2_048 });
  return async () => {
    const sequence = context.getSequence();
    const chat = new LlamaChatSession({ contextSequence: sequence });
    let generated = 0;
    await chat.prompt("Tell me a long story.", {
      maxTokens: TOKENS,
      onToken: (tokens) => {
        generated += tokens.length;
      },
    });
    await sequence.dispose();
    return generated;
  };
}

async function measure(run: () => Promise<number>): Promise<Rate> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const tokens = await run();
  const seconds = (performance.now() - startMs) / 1_000;
  const { user: userMicros, system } = process.cpuUsage(cpu);
  return { perSecond: tokens / seconds, perCpuSecond: (tokens * 1e6) / (userMicros + system) };
}

function note(name: string, rate: Rate): void {
  rates.set(name, [...(rates.get(name) ?? []), rate]);
}

function median(all: readonly Rate[], field: keyof Rate): string {
  const sorted = all.map((rate) => rate[field]).sort((a, b) => a - b);
  return (sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(0);
}
