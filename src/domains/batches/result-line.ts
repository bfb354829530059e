/** Lines of output and error files, in the shape of OpenAI's batch API. */

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;

type Named = {
  /** JSON of the client's own id. */
  customId: string;
  requestId: string;
};

/** The body stays as the client would have got it, but for line breaks between its tokens. */
export function answeredLine(line: Named & { body: Uint8Array }): Buffer {
  return Buffer.concat([
    Buffer.from(
      `${head(line)}"response":{"status_code":200,"request_id":"${line.requestId}","body":`,
    ),
    onOneLine(line.body),
    Buffer.from(`},"error":null}\n`),
  ]);
}

/** The gateway or the provider said no. `body` is JSON: the error as the client would have got it. */
export function refusedLine(line: Named & { status: number; body: string }): Buffer {
  return Buffer.concat([
    Buffer.from(
      `${head(line)}"response":{"status_code":${line.status},"request_id":"${line.requestId}","body":`,
    ),
    onOneLine(Buffer.from(line.body)),
    Buffer.from(`},"error":null}\n`),
  ]);
}

/** It was never answered: the batch was cancelled or has expired. */
export function unansweredLine(line: Named & { code: string; message: string }): Buffer {
  const error = JSON.stringify({ code: line.code, message: line.message });
  return Buffer.from(`${head(line)}"response":null,"error":${error}}\n`);
}

const head = ({ customId, requestId }: Named): string =>
  `{"id":"batch_req_${requestId.replaceAll("-", "")}","custom_id":${customId},`;

/** Line breaks cannot stand inside a string of JSON, so that a space takes their place everywhere changes nothing. */
function onOneLine(json: Uint8Array): Uint8Array {
  if (!json.includes(NEWLINE) && !json.includes(RETURN)) return json;
  return json.map((byte) => (byte === NEWLINE || byte === RETURN ? SPACE : byte));
}
