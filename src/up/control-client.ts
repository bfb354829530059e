/** Asks this installation's own control plane. */
import {
  API_PREFIX,
  type Operation,
  type OperationAnswer,
  type OperationInput,
  operationPath,
} from "../contract/operation.ts";
import { Failure } from "../lib/errors.ts";

type Input<O extends Operation> = Partial<OperationInput<O>>;

export type ControlClient = {
  ask<O extends Operation>(operation: O, input: Input<O>): Promise<OperationAnswer<O>>;
};

const ANSWER_TIMEOUT_MS = 30_000;

export function openControl(options: { url: string; token: string }): ControlClient {
  return {
    async ask(operation, input) {
      const response = await fetch(options.url + API_PREFIX + operationPath(operation, input), {
        method: operation.method.toUpperCase(),
        headers: {
          authorization: `Bearer ${options.token}`,
          "content-type": "application/json",
        },
        ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      if (!response.ok) {
        const text = await response.text();
        throw new Failure("upstream", `${operation.id}: ${text.slice(0, 500)}`, {
          status: response.status,
        });
      }
      return operation.answer.parse(await response.json()) as never;
    },
  };
}
