/**
 * `multipart/form-data` as bytes: the parts are views of the body, so a file of 25 MB is held once, and a form is
 * sent on byte for byte but for the fields that change.
 * https://www.rfc-editor.org/rfc/rfc7578 https://www.rfc-editor.org/rfc/rfc2046#section-5.1
 */

export type FormPart = {
  name: string;
  /** Undefined: a field. A file has one even where it is empty. */
  filename: string | undefined;
  contentType: string | undefined;
  /** A view of the form's bytes. */
  value: Uint8Array;
};

export type MultipartForm = {
  boundary: string;
  bytes: Uint8Array;
  parts: readonly FormPart[];
};

/** The body breaks the format or a limit. The message is for whoever sent it. */
export class MultipartError extends Error {
  override readonly name = "MultipartError";
  readonly field: string | undefined;

  constructor(message: string, field?: string) {
    super(message);
    this.field = field;
  }
}

/** Of RFC 2046, and what SDKs add to it. */
const BOUNDARY = /^[\w'()+,./:=?%*&#!~ -]{1,70}$/;
/** A file, a few dozen fields, and lists sent as one field for each item. */
const PARTS_MAX = 256;
/** A name, a file name and a type. */
const HEAD_BYTES_MAX = 4_096;

const decoder = new TextDecoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true });

/** The boundary in a content type; undefined when it is no form. */
export function boundaryIn(contentType: string): string | undefined {
  const match = /^\s*multipart\/form-data\s*(?:;.*)?;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(
    contentType,
  );
  const boundary = match?.[1] ?? match?.[2];
  return boundary !== undefined && BOUNDARY.test(boundary) ? boundary : undefined;
}

/** @throws MultipartError */
export function parseMultipart(bytes: Uint8Array, boundary: string): MultipartForm {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const parts: FormPart[] = [];
  // The first delimiter may stand at the very beginning, without the line end that belongs to the others.
  let at = body.subarray(0, delimiter.length - 2).equals(delimiter.subarray(2))
    ? delimiter.length - 2
    : endOf(body, delimiter, 0);
  while (!startsWith(body, at, "--")) {
    const head = endOf(body, CRLF, at);
    // Servers disagree on whether a line that only begins like the boundary is one.
    if (body.toString("latin1", at, head).trim() !== "") {
      throw new MultipartError("the form's boundary stands within its content");
    }
    const end = body.indexOf(delimiter, head - CRLF.length);
    if (end === -1) throw new MultipartError("the form is cut off: its last boundary is missing");
    if (parts.length === PARTS_MAX)
      throw new MultipartError(`the form has over ${PARTS_MAX} parts`);
    parts.push(readPart(body, head, end));
    at = end + delimiter.length;
  }
  return { boundary, bytes, parts };
}

const CRLF = Buffer.from("\r\n");
const BLANK_LINE = Buffer.from("\r\n\r\n");

function endOf(body: Buffer, what: Buffer, from: number): number {
  const at = body.indexOf(what, from);
  if (at === -1) throw new MultipartError("the form does not contain the boundary of its header");
  return at + what.length;
}

const startsWith = (body: Buffer, at: number, text: string): boolean =>
  body.toString("latin1", at, at + text.length) === text;

function readPart(body: Buffer, start: number, end: number): FormPart {
  const blank = body.indexOf(BLANK_LINE, start);
  if (blank === -1 || blank > end || blank - start > HEAD_BYTES_MAX) {
    throw new MultipartError("a part of the form has no head, or too long a one");
  }
  const head = readHead(decoder.decode(body.subarray(start, blank)));
  // A part without content has its blank line joined to the delimiter.
  return { ...head, value: body.subarray(Math.min(blank + BLANK_LINE.length, end), end) };
}

function readHead(text: string): Omit<FormPart, "value"> {
  const lines = text.split("\r\n");
  const headerIn = (name: string) =>
    lines
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  const disposition = headerIn("content-disposition") ?? "";
  const name = parameterIn(disposition, "name");
  if (name === undefined || name === "") throw new MultipartError("a part of the form has no name");
  return {
    name,
    filename: parameterIn(disposition, "filename"),
    contentType: headerIn("content-type"),
  };
}

/** Browsers and SDKs write quotes and line ends of names in percent-encoding. */
function parameterIn(disposition: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]+))`, "i").exec(
    disposition,
  );
  const text = match?.[1]?.replaceAll(/\\(["\\])/g, "$1") ?? match?.[2];
  return text?.replaceAll("%22", '"').replaceAll("%0D", "\r").replaceAll("%0A", "\n");
}

/**
 * The text of a field; undefined where it is missing.
 *
 * @throws MultipartError when it is there twice, or as a file: servers disagree on which one counts, so what was
 * checked here would not be what the next one reads.
 */
export function fieldIn(form: MultipartForm, name: string): string | undefined {
  const [part, ...others] = form.parts.filter((one) => one.name === name);
  if (part === undefined) return undefined;
  if (others.length > 0) throw new MultipartError(`the field '${name}' is there twice`, name);
  if (part.filename !== undefined) throw new MultipartError(`'${name}' is not a file`, name);
  try {
    return strictDecoder.decode(part.value);
  } catch {
    throw new MultipartError(`the field '${name}' is not UTF-8`, name);
  }
}

export const filesIn = (form: MultipartForm, names: readonly string[]): FormPart[] =>
  form.parts.filter((part) => part.filename !== undefined && names.includes(part.name));

/** The form with other values for some of its fields; everything else stays byte for byte. */
export function withFields(
  form: MultipartForm,
  fields: Readonly<Record<string, string>>,
): Uint8Array {
  const body = Buffer.from(form.bytes.buffer, form.bytes.byteOffset, form.bytes.length);
  const pieces: Buffer[] = [];
  let at = 0;
  for (const part of form.parts) {
    if (part.filename !== undefined || !Object.hasOwn(fields, part.name)) continue;
    const text = fields[part.name] ?? "";
    const start = part.value.byteOffset - body.byteOffset;
    pieces.push(body.subarray(at, start), Buffer.from(text));
    at = start + part.value.length;
  }
  return Buffer.concat([...pieces, body.subarray(at)]);
}
