/** How a running gateway finds the deployments that it calls, for dry runs. Each process has a book of its own. */
import { z } from "zod";
import type { HealthView } from "../domains/routing/index.ts";
import { askProcess, listProcesses } from "../platform/process-sockets.ts";

const HealthBook = z.object({
  deployments: z.array(
    z.object({
      deployment_id: z.string().regex(/^\d{1,18}$/),
      circuit: z.enum(["closed", "probe", "open"]),
      open_until_ms: z.number().default(0),
      in_flight: z.number().default(0),
      first_token_ms: z.number().nullish(),
      answer_ms: z.number().nullish(),
      tokens_per_second: z.number().nullish(),
    }),
  ),
});

const NOTHING_KNOWN: HealthView = { of: () => undefined };

/** The book of the first gateway that answers; without one, everything counts as well. */
export async function readHealthBook(
  runFolder: string,
): Promise<{ health: HealthView; isLive: boolean }> {
  for (const id of await listProcesses(runFolder)) {
    const book = await readBook(runFolder, id);
    if (book !== undefined) return { health: toView(book), isLive: true };
  }
  return { health: NOTHING_KNOWN, isLive: false };
}

async function readBook(
  runFolder: string,
  id: string,
): Promise<z.infer<typeof HealthBook> | undefined> {
  try {
    const response = await askProcess(runFolder, id, "/health-book");
    return response.ok ? HealthBook.parse(await response.json()) : undefined;
  } catch {
    // It has ended, or is of a version that keeps no such book: the next one may know.
    return undefined;
  }
}

function toView({ deployments }: z.infer<typeof HealthBook>): HealthView {
  const byId = new Map(
    deployments.map((one) => [
      BigInt(one.deployment_id),
      {
        circuit: one.circuit,
        openUntilMs: one.open_until_ms,
        inFlight: one.in_flight,
        firstTokenMs: one.first_token_ms ?? undefined,
        answerMs: one.answer_ms ?? undefined,
        tokensPerSecond: one.tokens_per_second ?? undefined,
      },
    ]),
  );
  return { of: (deploymentId) => byId.get(deploymentId) };
}
