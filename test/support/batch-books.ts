/** Batches on an installation of real processes, and the comparison of what they gave with ledger and upstream. */
import type { Database } from "../../src/platform/db/database.ts";
import { checkEvent, checkTotals, oddPrices, type PostedEvent, readEvents } from "./books.ts";
import { type Installation, readServed } from "./processes.ts";
import { until } from "./until.ts";

export type BatchLine = { custom_id: string; method: "POST"; url: string; body: object };

export type LineShape = { promptTokens: number; completionTokens: number; delayMs: number };

export const batchLine = (id: string, shape: LineShape): BatchLine => ({
  custom_id: id,
  method: "POST",
  url: "/v1/chat/completions",
  body: {
    model: "served",
    messages: [{ role: "user", content: id }],
    max_tokens: 60,
    sandbox: {
      prompt_tokens: shape.promptTokens,
      completion_tokens: shape.completionTokens,
      first_token_delay_ms: shape.delayMs,
    },
  },
});

type WireBatch = {
  id: string;
  status: string;
  output_file_id: string | null;
  error_file_id: string | null;
  request_counts: { total: number; completed: number; failed: number };
};

export type Result = {
  custom_id: string;
  response: {
    status_code: number;
    request_id: string;
    body: { usage?: { prompt_tokens: number; completion_tokens: number } };
  } | null;
  error: { code: string } | null;
};

const ENDED_WITHIN_MS = 60_000;
const endings = ["completed", "failed", "expired", "cancelled"];

export class BatchClient {
  readonly #url: string;
  readonly #key: string;

  constructor(installation: Installation, key: string) {
    this.#url = installation.url;
    this.#key = key;
  }

  async submit(lines: readonly BatchLine[]): Promise<string> {
    const form = new FormData();
    form.set("purpose", "batch");
    const text = lines.map((line) => JSON.stringify(line)).join("\n");
    form.set("file", new File([text], "input.jsonl"));
    const file = (await this.#ask("/files", { method: "POST", body: form })) as { id: string };
    const batch = await this.#ask("/batches", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        input_file_id: file.id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      }),
    });
    return (batch as WireBatch).id;
  }

  async read(id: string): Promise<WireBatch> {
    return (await this.#ask(`/batches/${id}`)) as WireBatch;
  }

  async cancel(id: string): Promise<void> {
    await this.#ask(`/batches/${id}/cancel`, { method: "POST" });
  }

  async untilEnded(id: string, describe: () => unknown): Promise<WireBatch> {
    let last: unknown;
    return await until(
      "that the batch has ended",
      async () => {
        // Gateways and the database die on purpose while we ask.
        const batch = await this.read(id).catch(() => undefined);
        last = batch ?? last;
        return batch !== undefined && endings.includes(batch.status) ? batch : undefined;
      },
      { deadlineMs: ENDED_WITHIN_MS, describe: () => [last, describe()] },
    );
  }

  async results(batch: WireBatch): Promise<{ answered: Result[]; refused: Result[] }> {
    const [answered, refused] = await Promise.all(
      [batch.output_file_id, batch.error_file_id].map((id) => this.#readResults(id)),
    );
    return { answered: answered ?? [], refused: refused ?? [] };
  }

  async #readResults(fileId: string | null): Promise<Result[]> {
    if (fileId === null) return [];
    const response = await this.#fetch(`/files/${fileId}/content`);
    const lines = (await response.text()).split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Result);
  }

  async #ask(path: string, init: RequestInit = {}): Promise<unknown> {
    return await (await this.#fetch(path, init)).json();
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const response = await fetch(this.#url + path, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${this.#key}` },
      keepalive: false,
    } as RequestInit);
    if (response.ok) return response;
    throw new Error(`${path}: ${response.status} ${await response.text()}`);
  }
}

export type BatchComparison = {
  /** Sentences; empty when the books are exact. */
  problems: string[];
  lines: number;
  answered: number;
  /** Attempts that the upstream served, and those of them whose answers nobody got and nobody pays. */
  served: number;
  wasted: number;
  interrupted: number;
};

/**
 * Everything that this installation has ever done was batches: each line has one result, each answered line one charged
 * attempt, no other attempt is charged, and nothing was dispatched twice under the same id.
 */
export async function compareBatches(
  installation: Installation,
  batches: readonly { lines: readonly BatchLine[]; answered: Result[]; refused: Result[] }[],
): Promise<BatchComparison> {
  const { database, upstreamUrl, internalToken } = installation;
  const events = new Map((await readEvents(database)).map((event) => [event.event_id, event]));
  const { attempts } = await readServed(upstreamUrl, internalToken);
  const served = new Map(attempts.map((attempt) => [attempt.id, attempt]));
  const answered = batches.flatMap((batch) => batch.answered);
  const charged = [...events.values()].filter((event) => event.cost_picos !== "0");
  const paid = new Set<string>();
  const problems = [
    ...batches.flatMap(checkLines),
    ...answered.flatMap((result) => checkAnswer(result, charged, paid)),
    ...charged
      .filter((event) => !paid.has(event.event_id))
      .map((event) => `event ${event.event_id} is charged, and no result has its answer`),
    ...[...events.values()].flatMap((event) =>
      checkEvent(event, served.get(event.event_id), oddPrices),
    ),
    ...attempts.flatMap(({ id, calls }) => [
      ...(calls === 1 ? [] : [`attempt ${id} was dispatched ${calls} times`]),
      ...(events.has(id) ? [] : [`attempt ${id} was served and has no usage event`]),
    ]),
    ...(await checkTotals(database, events)),
    ...(await checkNothingLeft(database)),
  ];
  return {
    problems,
    lines: batches.reduce((sum, { lines }) => sum + lines.length, 0),
    answered: answered.length,
    served: attempts.length,
    wasted: attempts.length - charged.length,
    interrupted: [...events.values()].filter(({ outcome }) => outcome === "interrupted").length,
  };
}

function checkLines(batch: {
  lines: readonly BatchLine[];
  answered: Result[];
  refused: Result[];
}): string[] {
  const found = new Map<string, number>();
  for (const { custom_id } of [...batch.answered, ...batch.refused]) {
    found.set(custom_id, (found.get(custom_id) ?? 0) + 1);
  }
  const wrong = batch.lines.filter(({ custom_id }) => found.get(custom_id) !== 1);
  const isMore = found.size !== batch.lines.length;
  return [
    ...wrong.map(({ custom_id }) => `line ${custom_id} has ${found.get(custom_id) ?? 0} results`),
    ...(isMore ? [`${found.size} results of ${batch.lines.length} lines`] : []),
  ];
}

function checkAnswer(
  { custom_id: id, response }: Result,
  charged: readonly PostedEvent[],
  paid: Set<string>,
): string[] {
  const own = charged.filter((event) => event.request_id === response?.request_id);
  const [event] = own;
  if (event === undefined || own.length !== 1) {
    return [`the answer of line ${id} (${response?.request_id}) is charged ${own.length} times`];
  }
  paid.add(event.event_id);
  const told = response?.body.usage;
  const isEqual =
    BigInt(told?.prompt_tokens ?? -1) === event.uncached_input + event.cache_read &&
    BigInt(told?.completion_tokens ?? -1) === event.output_text;
  return isEqual ? [] : [`the answer of line ${id} says ${Bun.inspect(told)}, charged is more`];
}

/** Kept answers go when they are in the files and posted; lines go with the end of their batch. */
async function checkNothingLeft(database: Database): Promise<string[]> {
  let left: unknown;
  await until(
    "that kept answers are cleared up",
    async () => {
      const { rows } = await database.pool.query<{ kept: number; lines: number; jobs: number }>(
        `select (select count(*)::int from kept_answer where state <> 'void') as kept,
           (select count(*)::int from batch_line) as lines,
           (select count(*)::int from job where state in ('waiting', 'running')) as jobs`,
      );
      left = rows[0];
      return rows[0]?.kept === 0 && rows[0].lines === 0 && rows[0].jobs === 0;
    },
    { describe: () => left },
  ).catch(() => undefined);
  const isClean = JSON.stringify(left) === JSON.stringify({ kept: 0, lines: 0, jobs: 0 });
  return isClean ? [] : [`left behind: ${Bun.inspect(left)}`];
}
