/** A failure in the words of the client's dialect. */
import { type Failure, toErrorBody } from "../lib/errors.ts";
import type { Call } from "./gateway.ts";

export const encodeError = (_call: Call, failure: Failure): unknown => toErrorBody(failure);

export const encodeErrorFrame = (_call: Call, failure: Failure): string =>
  `data: ${JSON.stringify(toErrorBody(failure))}\n\n`;
