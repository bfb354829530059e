/** Ties an operation of the contract to the function that answers it. */
import type { z } from "zod";
import type { Operation, OperationRequest } from "../contract/operation.ts";
import type { Control } from "./control.ts";

/** The validated request, and who sent it. */
export type Asked<O extends Operation> = OperationRequest<O> & {
  actor: string;
  /** Aborted when the client leaves. */
  signal: AbortSignal;
};

export type Route = {
  operation: Operation;
  /** The answer is checked against the contract before it is sent: what it does not name cannot leak. */
  answer(control: Control, asked: Asked<Operation>): Promise<unknown>;
};

export function route<O extends Operation>(
  operation: O,
  answer: (control: Control, asked: Asked<O>) => Promise<z.input<O["answer"]>>,
): Route {
  // `serve.ts` validates each part with this operation's own schemas before it calls.
  return { operation, answer: answer as Route["answer"] };
}
