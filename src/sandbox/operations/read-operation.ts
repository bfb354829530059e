import { Failure } from "../../lib/errors.ts";
import { readScript } from "../script.ts";
import type { OperationRequest } from "./operation.ts";

type Fields = Record<string, unknown>;

/** A JSON body, or a form whose field `sandbox` holds the script as JSON. */
export async function readOperation(
  request: Request,
  usualModel: string,
): Promise<OperationRequest> {
  const isForm = request.headers.get("content-type")?.startsWith("multipart/form-data") === true;
  const { fields, files } = isForm ? await readForm(request) : await readJson(request);
  const { model = usualModel, sandbox } = fields;
  if (typeof model !== "string") {
    throw new Failure("invalid", "model must be a string.", { param: "model" });
  }
  const script = typeof sandbox === "string" ? parse(sandbox, "sandbox") : sandbox;
  return { model, fields, files, script: readScript(model, script ?? undefined) };
}

async function readJson(request: Request) {
  const body = parse(await request.text(), undefined);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Failure("invalid", "The body must be a JSON object.");
  }
  return { fields: body as Fields, files: [] };
}

async function readForm(request: Request) {
  const fields: Fields = {};
  const files: { name: string; bytes: Uint8Array }[] = [];
  for (const [name, value] of (await request.formData()).entries()) {
    if (typeof value !== "string") {
      files.push({ name, bytes: await value.bytes() });
    } else {
      const before = fields[name];
      fields[name] = before === undefined ? value : [before, value].flat();
    }
  }
  return { fields, files };
}

function parse(text: string, param: string | undefined): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const what = param === undefined ? "The body" : `The field '${param}'`;
    throw new Failure("invalid", `${what} is not JSON.`, param === undefined ? {} : { param });
  }
}
