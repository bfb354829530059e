/** The body of a request as a form, within limits of bytes, parts and time. */
import { z } from "zod";
import { Failure } from "../../lib/errors.ts";
import {
  boundaryIn,
  type FormPart,
  fieldIn,
  filesIn,
  MultipartError,
  type MultipartForm,
  parseMultipart,
} from "../../lib/multipart.ts";
import type { Call, GatewayLimits } from "../gateway.ts";
import { invalidField } from "./invalid-field.ts";
import { readBytes } from "./read-bytes.ts";
import type { Upload } from "./upload-room.ts";

/** What stands beside a file: fields, and the boundaries between them. */
const BESIDE_FILE_BYTES_MAX = 1024 * 1024;

export const isForm = ({ request }: Call): boolean =>
  request.headers.get("content-type")?.toLowerCase().startsWith("multipart/") === true;

/** @throws Failure that names the field */
export async function readForm(
  call: Call,
  limits: GatewayLimits,
  { upload, fileBytesMax }: { upload: Upload; fileBytesMax: number },
): Promise<MultipartForm> {
  const boundary = boundaryIn(call.request.headers.get("content-type") ?? "");
  if (boundary === undefined) {
    throw new Failure("invalid", "The body must be a form: multipart/form-data with a boundary.", {
      code: "invalid_form",
      status: 415,
    });
  }
  const bytes = await readBytes(call.request, {
    bytesMax: fileBytesMax + BESIDE_FILE_BYTES_MAX,
    timeoutMs: limits.bodyTimeoutMs,
    take: (count) => upload.take(count),
  });
  return explained(() => parseMultipart(bytes, boundary));
}

/** The fields that a schema names, all of them texts. */
export function readFields<Shape extends z.ZodRawShape>(
  form: MultipartForm,
  schema: z.ZodObject<Shape>,
): z.output<z.ZodObject<Shape>> {
  const texts = explained(() =>
    Object.keys(schema.shape).map((name) => [name, fieldIn(form, name)] as const),
  );
  const parsed = schema.safeParse(
    Object.fromEntries(texts.filter(([, text]) => text !== undefined)),
  );
  if (!parsed.success) throw invalidField(parsed.error);
  return parsed.data;
}

/** @throws Failure when there is none, or too many, or one is empty */
export function readFiles(
  form: MultipartForm,
  { names, countMax }: { names: readonly [string, ...string[]]; countMax: number },
): FormPart[] {
  const [param] = names;
  const files = filesIn(form, names);
  const count = countMax === 1 ? "one file" : `1 to ${countMax} files`;
  if (files.length === 0 || files.length > countMax) {
    throw invalid(param, `must be ${count}`);
  }
  if (files.some(({ value }) => value.length === 0)) throw invalid(param, "must not be empty");
  return files;
}

/** Bytes of all fields that are no files: their text may be part of a prompt. */
export const textBytesIn = (form: MultipartForm): number =>
  form.parts.reduce(
    (sum, { filename, value }) => sum + (filename === undefined ? value.length : 0),
    0,
  );

/** Of a form, in which everything is a text. */
export const FormFlag = z
  .enum(["true", "false"], { error: "expected true or false" })
  .optional()
  .transform((text) => text === "true");

export const formInteger = (bounds: { min: number; max: number }) =>
  z
    .string()
    .regex(/^\d{1,9}$/, "expected a whole number")
    .transform(Number)
    .pipe(z.int().min(bounds.min).max(bounds.max));

function explained<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MultipartError)) throw error;
    throw new Failure("invalid", `The form cannot be read: ${error.message}.`, {
      code: "invalid_form",
      ...(error.field === undefined ? {} : { param: error.field }),
      cause: error,
    });
  }
}

const invalid = (param: string, what: string): Failure =>
  new Failure("invalid", `'${param}' ${what}.`, { code: "invalid_field", param });
