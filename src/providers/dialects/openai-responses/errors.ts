/** Errors as the Responses API tells them in the middle of a stream. */
import { type Failure, failureKinds } from "../../../lib/errors.ts";
import type { WireEvent } from "./wire-events.ts";

/** SDKs throw it as the error that it is. */
export function errorEvent(failure: Failure): WireEvent {
  return {
    type: "error",
    code: codeOf(failure),
    message: failure.message,
    param: failure.param ?? null,
  };
}

export function responseError(failure: Failure): { code: string; message: string } {
  return { code: codeOf(failure), message: failure.message };
}

const codeOf = ({ code, kind }: Failure): string => code ?? failureKinds[kind].type;
