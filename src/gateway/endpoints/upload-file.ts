/** POST /v1/files: a form, streamed to the disk. */
import {
  type ArrivingFile,
  type FilePurpose,
  type Tenant,
  uploadPurposes,
} from "../../domains/files/index.ts";
import { Failure } from "../../lib/errors.ts";
import { authenticate } from "../admit/authenticate.ts";
import { admit } from "../admit/limit-rate.ts";
import { callHeaders } from "../client-errors.ts";
import { assertMayKeep } from "../conversations/assert-may-keep.ts";
import type { Call, Gateway } from "../gateway.ts";
import { MultipartReader } from "../requests/multipart.ts";
import { readPatiently } from "../requests/patient-body.ts";
import { readExpiry } from "./expires-after.ts";
import { toWireFile } from "./files.ts";

/** A slow line takes its time; one that brings nothing holds a part of the quota for nothing. */
const SILENCE_MS = 60_000;
const WHOLE_MS = 3_600_000;
const FIELD_BYTES_MAX = 1_024;
/** As at OpenAI: inputs of batches go after 30 days, everything else stays. */
const BATCH_EXPIRES_SECONDS = 30 * 24 * 3_600;

export async function uploadFile(gateway: Gateway, call: Call): Promise<Response> {
  const principal = await authenticate(gateway, call);
  assertMayKeep(principal, "no files are taken");
  admit(gateway, principal);
  const upload = new Upload(gateway, call, principal);
  try {
    await upload.read();
    const file = await upload.finish();
    return Response.json(toWireFile(file), { headers: callHeaders(call) });
  } catch (error) {
    await upload.discard();
    throw error;
  }
}

class Upload {
  readonly #gateway: Gateway;
  readonly #call: Call;
  readonly #tenant: Tenant;
  readonly #fields = new Map<string, string>();
  #file: ArrivingFile | undefined;
  #name = "";

  constructor(gateway: Gateway, call: Call, tenant: Tenant) {
    this.#gateway = gateway;
    this.#call = call;
    this.#tenant = tenant;
  }

  async read(): Promise<void> {
    const { request } = this.#call;
    const patience = { clock: this.#gateway.clock, silenceMs: SILENCE_MS, wholeMs: WHOLE_MS };
    const pieces = readPatiently(request, patience);
    const form = new MultipartReader(request.headers.get("content-type"), pieces);
    for (let head = await form.next(); head !== undefined; head = await form.next()) {
      if (head.name === "file") await this.#readFile(form, head.filename);
      else this.#fields.set(head.name, await readField(form, head.name));
      // A purpose that is none is told before half a gigabyte has come, where it comes first.
      if (head.name === "purpose") this.#purpose();
    }
  }

  async #readFile(form: MultipartReader, filename: string | undefined): Promise<void> {
    if (this.#file !== undefined) throw wrong("file", "A form brings one file.");
    if (filename === undefined) throw wrong("file", "The part 'file' needs a filename.");
    this.#name = filename;
    const length = this.#call.request.headers.get("content-length");
    const bytesMax = length === null ? undefined : Number(length);
    const file = await this.#gateway.files.receive(this.#tenant, bytesMax);
    this.#file = file;
    for (let piece = await form.piece(); piece !== undefined; piece = await form.piece()) {
      await file.write(piece);
    }
  }

  async finish() {
    const purpose = this.#purpose();
    if (purpose === undefined) throw wrong("purpose", "Say what the file is for: 'purpose'.");
    if (this.#file === undefined) throw wrong("file", "The form has no part 'file'.");
    const given = readExpiry((name) => this.#fields.get(`expires_after[${name}]`));
    const expiresSeconds = given ?? (purpose === "batch" ? BATCH_EXPIRES_SECONDS : undefined);
    return await this.#file.finish({ name: this.#name, purpose, expiresSeconds });
  }

  #purpose(): FilePurpose | undefined {
    const given = this.#fields.get("purpose");
    const purpose = uploadPurposes.find((known) => known === given);
    if (given !== undefined && purpose === undefined) {
      throw wrong("purpose", `'purpose' must be one of ${uploadPurposes.join(", ")}.`);
    }
    return purpose;
  }

  /** A clearing-up that fails is made good by the worker. */
  async discard(): Promise<void> {
    await this.#file
      ?.discard()
      .catch((error: unknown) =>
        this.#gateway.log.warn("a failed upload is cleared up later", { error }),
      );
  }
}

async function readField(form: MultipartReader, name: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for (let piece = await form.piece(); piece !== undefined; piece = await form.piece()) {
    bytes += piece.length;
    if (bytes > FIELD_BYTES_MAX) throw wrong(name, `'${name.slice(0, 80)}' is too long.`);
    pieces.push(Uint8Array.from(piece));
  }
  return Buffer.concat(pieces).toString("utf8");
}

const wrong = (param: string, message: string): Failure =>
  new Failure("invalid", message, { code: "invalid_field", param: param.slice(0, 80) });
