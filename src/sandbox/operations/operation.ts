/** What a simulated operation is asked, and what it is going to answer. */
import { Failure } from "../../lib/errors.ts";
import type { Script } from "../script.ts";
import type { Used } from "../served.ts";

export type OperationRequest = {
  model: string;
  /** Of a JSON body, or the texts of a form; a field that is there several times is a list. */
  fields: Readonly<Record<string, unknown>>;
  files: readonly { name: string; bytes: Uint8Array }[];
  script: Script;
};

export type PlannedPart = {
  bytes: Uint8Array;
  /** Used for this part; counted before it is sent. */
  used?: Used;
};

export type PlannedOperation = {
  contentType: string;
  /** Used as soon as the request has been read. */
  begun: Used;
  /** Whole answers have one. */
  parts: readonly PlannedPart[];
  isStream: boolean;
};

export type PlanOperation = (request: OperationRequest) => PlannedOperation;

const encoder = new TextEncoder();

export const jsonPart = (body: unknown, used?: Used): PlannedPart => ({
  bytes: encoder.encode(JSON.stringify(body)),
  ...(used === undefined ? {} : { used }),
});

export const eventPart = (event: Record<string, unknown>, used?: Used): PlannedPart => ({
  bytes: encoder.encode(`event: ${String(event["type"])}\ndata: ${JSON.stringify(event)}\n\n`),
  ...(used === undefined ? {} : { used }),
});

export const JSON_TYPE = "application/json";
export const SSE_TYPE = "text/event-stream; charset=utf-8";

export const isOn = (value: unknown): boolean => value === true || value === "true";

export function requiredText(request: OperationRequest, field: string): string {
  const value = request.fields[field];
  if (typeof value === "string" && value !== "") return value;
  throw new Failure("invalid", `${field} must be a text.`, { param: field });
}

/** From a form numbers come as texts. */
export function numberIn(
  request: OperationRequest,
  field: string,
  bounds: { min: number; max: number; usual: number },
): number {
  const value = request.fields[field];
  if (value === undefined || value === null) return bounds.usual;
  const number = Number(value);
  if (number >= bounds.min && number <= bounds.max) return number;
  const what = `${field} must be a number from ${bounds.min} to ${bounds.max}.`;
  throw new Failure("invalid", what, { param: field });
}

const BYTES_PER_TOKEN = 4;

/** As the sandbox's chat models estimate it. */
export const tokensIn = (text: string): number =>
  Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
