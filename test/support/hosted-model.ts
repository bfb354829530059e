/** The real model that tests talk to: pulled once per machine, and shared by all runs. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_MODEL, type HostedModel, pullModel } from "../../src/domains/serving/index.ts";

/** Fails with the list of sources and what to do, when none can be reached: a test never skips silently. */
export function hostedModelForTests(): Promise<HostedModel> {
  return pullModel({
    name: DEFAULT_MODEL,
    home: join(tmpdir(), "baseload-test-models"),
    onProgress: () => undefined,
    signal: AbortSignal.timeout(300_000),
  });
}
