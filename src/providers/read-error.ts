/** Of an error's body; the rest says nothing more. */
const ERROR_BYTES_MAX = 65_536;
const ERROR_READ_MS = 5_000;
/** No provider is waited for longer than this, whatever it asks for. */
const RETRY_AFTER_SECONDS_MAX = 3_600;

/** The beginning of an error's body. Nothing here may fail: the status alone is an answer. */
export async function readErrorText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), ERROR_READ_MS);
  let text = "";
  let bytes = 0;
  try {
    while (bytes < ERROR_BYTES_MAX) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.length;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // The connection broke in the middle of the error: what came is used.
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => undefined);
  }
  return text.slice(0, ERROR_BYTES_MAX);
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date, in whole seconds. */
export function readRetryAfter(headers: Headers, nowMs: number): number | undefined {
  const ms = headers.get("retry-after-ms");
  const text = headers.get("retry-after");
  let seconds = Number.NaN;
  if (ms !== null && ms.trim() !== "") seconds = Number(ms) / 1_000;
  else if (text !== null && /^\s*\d+(\.\d+)?\s*$/.test(text)) seconds = Number(text);
  else if (text !== null && /^\s*[A-Z][a-z]{2},? /.test(text))
    seconds = (Date.parse(text) - nowMs) / 1_000;
  if (!Number.isFinite(seconds)) return undefined;
  return Math.min(Math.max(Math.ceil(seconds), 0), RETRY_AFTER_SECONDS_MAX);
}
