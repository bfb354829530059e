/**
 * JSON lines, one object per event. What looks like a secret never reaches the sink: fields by their name,
 * texts by their form (our keys, bearer tokens, passwords inside a URL).
 */
import { appendFileSync, renameSync, statSync } from "node:fs";
import type { Clock } from "../lib/clock.ts";
import { systemClock } from "../lib/clock.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export type Log = {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds these fields to every line. */
  child(fields: LogFields): Log;
};

export type LogOptions = {
  role: string;
  /** Receives one line without its newline. */
  sink: (line: string) => void;
  level?: LogLevel;
  clock?: Clock;
};

/** A log line is read by people and shipped by machines: longer texts are cut. */
const TEXT_CHARS_MAX = 4_000;
const DEPTH_MAX = 4;
const ITEMS_MAX = 50;
const REDACTED = "[redacted]";

const SECRET_NAME =
  /(secret|password|pepper|authorization|credential|cookie)s?$|(^|_)(seal|api)_key$|(^|_)token$/i;
const SECRET_TEXTS: readonly [pattern: RegExp, replacement: string][] = [
  [/\bbl_((?:live|test)[a-z0-9]{4})[A-Za-z0-9]*_[A-Za-z0-9_]+/g, "bl_$1…"],
  [/\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{8,}/gi, "$1 [redacted]"],
  [/\b(sk|pk|rk)-[A-Za-z0-9_-]{12,}/g, "$1-[redacted]"],
  [/(\/\/[^\s/:@]*):[^\s/@]+@/g, "$1:[redacted]@"],
];

export function createLog(options: LogOptions): Log {
  const clock = options.clock ?? systemClock;
  const lowest = logLevels.indexOf(options.level ?? "info");

  const write = (level: LogLevel, bound: LogFields, message: string, fields?: LogFields): void => {
    if (logLevels.indexOf(level) < lowest) return;
    const line = {
      at: new Date(clock.nowMs()).toISOString(),
      level,
      role: options.role,
      message: cleanText(message),
      ...cleanFields(bound, 0),
      ...(fields === undefined ? {} : cleanFields(fields, 0)),
    };
    options.sink(JSON.stringify(line));
  };

  const logWith = (bound: LogFields): Log => ({
    debug: (message, fields) => write("debug", bound, message, fields),
    info: (message, fields) => write("info", bound, message, fields),
    warn: (message, fields) => write("warn", bound, message, fields),
    error: (message, fields) => write("error", bound, message, fields),
    child: (fields) => logWith({ ...bound, ...fields }),
  });
  return logWith({});
}

/** For tests and tools that must not write anything. */
export const silentLog: Log = createLog({ role: "silent", sink: () => undefined });

/**
 * Appends to a file. Synchronous on purpose: the line that tells why a process died must be on disk before
 * it is gone. The hot path does not log.
 *
 * Processes of one role share a file; it is opened anew for each line, so that all follow when one moves it
 * aside.
 */
export function fileSink(path: string): (line: string) => void {
  let sinceCheck = FILE_CHECK_BYTES;
  return (line) => {
    try {
      sinceCheck += line.length;
      if (sinceCheck >= FILE_CHECK_BYTES) {
        sinceCheck = 0;
        moveAsideIfLarge(path);
      }
      appendFileSync(path, `${line}\n`, { mode: 0o600 });
    } catch {
      // A full disk must not end the process through its log; the journal decides about that.
    }
  };
}

/** The file before this one is kept, so a role's log takes at most twice this much. */
const FILE_BYTES_MAX = 64 * 2 ** 20;
const FILE_CHECK_BYTES = 2 ** 20;

function moveAsideIfLarge(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > FILE_BYTES_MAX) renameSync(path, `${path}.1`);
}

/** The process's own standard error, for roles started by hand. */
export const stderrSink = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Masks secrets inside a text, for messages that leave the process by another way than the log. */
export function cleanText(text: string): string {
  let cleaned = text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text;
  for (const [pattern, replacement] of SECRET_TEXTS)
    cleaned = cleaned.replace(pattern, replacement);
  return cleaned;
}

function cleanFields(fields: LogFields, depth: number): Record<string, unknown> {
  const cleaned: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields).slice(0, ITEMS_MAX)) {
    const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2");
    cleaned[name] = SECRET_NAME.test(words) && value !== null ? REDACTED : cleanValue(value, depth);
  }
  return cleaned;
}

function cleanValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return cleanText(value);
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Error) return cleanError(value, depth);
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  if (depth >= DEPTH_MAX) return "…";
  if (Array.isArray(value)) {
    return value.slice(0, ITEMS_MAX).map((item: unknown) => cleanValue(item, depth + 1));
  }
  return cleanFields(value as LogFields, depth + 1);
}

function cleanError(error: Error, depth: number): Record<string, unknown> {
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: cleanText(error.message),
    ...(typeof code === "string" ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: cleanText(error.stack) }),
    ...(error.cause === undefined || depth >= DEPTH_MAX
      ? {}
      : { cause: cleanValue(error.cause, depth + 1) }),
  };
}
