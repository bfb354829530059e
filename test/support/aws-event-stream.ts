/**
 * AWS's binary event streams, as Bedrock sends them: lengths, headers and payload, each sealed by a checksum.
 * https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
 */
const text = new TextEncoder();

/** One event, or one exception. */
export function awsFrame(kind: "event" | "exception", type: string, payload: unknown): Uint8Array {
  const headers = Buffer.concat([
    header(":message-type", kind),
    header(`:${kind}-type`, type),
    header(":content-type", "application/json"),
  ]);
  const body = text.encode(JSON.stringify(payload));
  const frame = Buffer.alloc(16 + headers.length + body.length);
  frame.writeUInt32BE(frame.length, 0);
  frame.writeUInt32BE(headers.length, 4);
  frame.writeUInt32BE(Bun.hash.crc32(frame.subarray(0, 8)), 8);
  frame.set(headers, 12);
  frame.set(body, 12 + headers.length);
  frame.writeUInt32BE(Bun.hash.crc32(frame.subarray(0, -4)), frame.length - 4);
  return frame;
}

/** A name of one byte's length, the type of texts (7), and a text of two bytes' length. */
function header(name: string, value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(value));
  return Buffer.concat([
    Buffer.of(Buffer.byteLength(name)),
    Buffer.from(name),
    Buffer.of(7),
    length,
    Buffer.from(value),
  ]);
}

/** Lines of `[type, payload]`, or `["exception", type, payload]`. */
export function awsFramesOf(lines: string): Uint8Array[] {
  return lines
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as [string, unknown, unknown?])
    .map(([type, first, second]) =>
      type === "exception"
        ? awsFrame("exception", String(first), second)
        : awsFrame("event", type, first),
    );
}
