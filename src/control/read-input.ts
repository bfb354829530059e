/** From bytes to validated input, strictly: what the contract does not name is refused with the nearest name. */
import type { z } from "zod";
import { Failure } from "../lib/errors.ts";
import { didYouMean } from "../lib/nearest.ts";

/** The largest body is a provider with a long credential; this is a hundred times that. */
export const BODY_BYTES_MAX = 256 * 1_024;
/** More than a handful of problems at once is not read. */
const ISSUES_SHOWN_MAX = 4;

/** Validates one part of a request. @param at the field that holds it, when it lies inside the body. */
export function readPart<S extends z.ZodObject>(
  schema: S,
  value: unknown,
  at?: string,
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues;
  const sentences = issues
    .slice(0, ISSUES_SHOWN_MAX)
    .map((issue) => describe(issue, schema, value));
  if (issues.length > sentences.length) {
    sentences.push(`${issues.length - sentences.length} more fields are wrong.`);
  }
  const param = issues[0] === undefined ? at : [at, paramOf(issues[0])].filter(Boolean).join(".");
  throw new Failure("invalid", sentences.join(" "), {
    code: "invalid_field",
    ...(param && { param }),
  });
}

type Issue = z.core.$ZodIssue;

function describe(issue: Issue, schema: z.ZodObject, value: unknown): string {
  if (issue.code === "unrecognized_keys") {
    const names = Object.keys(schema.shape);
    return issue.keys
      .slice(0, ISSUES_SHOWN_MAX)
      .map((key) => {
        const hint = issue.path.length === 0 ? didYouMean(key, names) : "";
        return `There is no field '${shorten(key)}'.${hint}`;
      })
      .join(" ");
  }
  const field = issue.path.length === 0 ? "The body" : `'${shorten(issue.path.join("."))}'`;
  if (valueAt(value, issue.path) === undefined) return `${field} is missing.`;
  if (issue.message.startsWith("must ")) return `${field} ${issue.message}.`;
  return `${field}: ${issue.message}.`;
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce(
    (inner, key) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[key],
    value,
  );

function paramOf(issue: Issue): string | undefined {
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0]] : issue.path;
  return path.length === 0 ? undefined : shorten(path.join("."));
}

const NAME_CHARS_SHOWN_MAX = 60;

const shorten = (name: string): string =>
  name.length > NAME_CHARS_SHOWN_MAX ? `${name.slice(0, NAME_CHARS_SHOWN_MAX)}…` : name;

/** Reads a JSON body; one that is too large is not read to its end. An empty body is an empty object. */
export async function readJsonBody(request: Request): Promise<unknown> {
  const bytes = await readBytes(request);
  if (bytes.length === 0) return {};
  assertJsonType(request);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    const detail = cause instanceof SyntaxError ? ` (${cause.message.slice(0, 120)})` : "";
    throw new Failure("invalid", `The body is not valid JSON in UTF-8${detail}.`, {
      code: "invalid_json",
      cause,
    });
  }
}

/** Browsers send other types without asking first; insisting on JSON closes that door too. */
function assertJsonType(request: Request): void {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type === "application/json") return;
  throw new Failure("invalid", "Send the body as JSON, with 'content-type: application/json'.", {
    code: "unsupported_media_type",
    status: 415,
  });
}

async function readBytes(request: Request): Promise<Uint8Array> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > BODY_BYTES_MAX) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > BODY_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (): Failure =>
  new Failure("too_large", `The body is larger than ${BODY_BYTES_MAX} bytes, which is the limit.`, {
    code: "body_too_large",
  });
