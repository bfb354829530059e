/** The body of a request, within limits of bytes and time. */
import { Failure } from "../../lib/errors.ts";

export type BodyLimits = {
  bytesMax: number;
  timeoutMs: number;
  /** Told of bytes before they are held; throws when there is no room for them. */
  take?(bytes: number): void;
};

export async function readBytes(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const { bytesMax, timeoutMs, take } = limits;
  const { headers } = request;
  const declared = Number(headers.get("content-length") ?? 0);
  if (declared > bytesMax) throw tooLarge(bytesMax);
  // A declared length bounds what the runtime reads; a body in chunks may go on for ever.
  const isBounded = headers.has("content-length") && !headers.has("transfer-encoding");
  if (isBounded) take?.(declared);
  const reading = isBounded ? request.bytes() : readUpTo(request, limits);
  // Nobody else would end a connection whose client has fallen silent in the middle of its body.
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooSlow(timeoutMs)), timeoutMs);
  try {
    return await Promise.race([reading, late]);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("invalid", "The body could not be read to its end.", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function readUpTo(request: Request, { bytesMax, take }: BodyLimits): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    // Leaving the loop ends the reading.
    if (length > bytesMax) throw tooLarge(bytesMax);
    take?.(chunk.length);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooSlow = (timeoutMs: number): Failure =>
  new Failure("invalid", `The body has not come to its end within ${timeoutMs} ms. Try again.`, {
    status: 408,
    code: "body_timeout",
  });

const tooLarge = (bytesMax: number): Failure =>
  new Failure("too_large", `The body is larger than ${bytesMax} bytes. Send less at once.`, {
    code: "body_too_large",
  });
