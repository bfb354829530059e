/** Errors as the Responses API tells them in the middle of a stream. */
import { type Failure, failureKinds } from "../../../lib/errors.ts";
import type { WireEvent } from "./wire-events.ts";

/** SDKs throw it as the error that it is. Some look for its facts in the event, as OpenAI documents it, others in an object. */
export function errorEvent(failure: Failure): WireEvent {
  const facts = {
    code: codeOf(failure),
    message: failure.message,
    param: failure.param ?? null,
  };
  return { type: "error", ...facts, error: { type: failureKinds[failure.kind].type, ...facts } };
}

export function responseError(failure: Failure): { code: string; message: string } {
  return { code: codeOf(failure), message: failure.message };
}

const codeOf = ({ code, kind }: Failure): string => code ?? failureKinds[kind].type;
