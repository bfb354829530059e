/** A body that is read piece by piece: as slowly as the disk takes it, but not from a client that has fallen silent. */
import type { Clock } from "../../lib/clock.ts";
import { Failure } from "../../lib/errors.ts";

export type Patience = {
  clock: Clock;
  /** Between two pieces. */
  silenceMs: number;
  /** Until the last one. */
  wholeMs: number;
};

export async function* readPatiently(
  request: Request,
  { clock, silenceMs, wholeMs }: Patience,
): AsyncGenerator<Uint8Array> {
  const reader = request.body?.getReader();
  if (reader === undefined) return;
  const endMs = clock.monotonicMs() + wholeMs;
  try {
    for (;;) {
      const leftMs = Math.min(silenceMs, endMs - clock.monotonicMs());
      const piece = await within(reader.read(), Math.max(leftMs, 1));
      if (piece.done) return;
      yield piece.value;
    }
  } finally {
    // Not waited for: the client may never end its body.
    void reader.cancel().catch(() => undefined);
  }
}

async function within<T>(reading: Promise<T>, ms: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooSlow()), ms);
  try {
    return await Promise.race([reading, late]);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("invalid", "The body could not be read to its end.", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

const tooSlow = (): Failure =>
  new Failure("invalid", "The body has not come to its end in time. Try again.", {
    status: 408,
    code: "body_timeout",
  });
