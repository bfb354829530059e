/** Asks the control plane: one operation of the contract in, its validated answer out. */
import { ErrorBody } from "../contract/errors.ts";
import {
  API_PREFIX,
  type Operation,
  type OperationAnswer,
  type OperationInput,
  operationPath,
} from "../contract/operation.ts";
import { Failure, type FailureKind, failureKinds } from "../lib/errors.ts";
import { type Control, controlNotRunning } from "./environment.ts";

/** `ledger check` over a large ledger is the slowest operation there is. */
const ANSWER_TIMEOUT_MS = 10 * 60_000;

/** The parts that the operation has; those it lacks cannot be given. */
type InputOf<O extends Operation> = {
  readonly [Part in keyof OperationInput<O> as OperationInput<O>[Part] extends undefined
    ? never
    : Part]: OperationInput<O>[Part];
};

export type ControlClient = {
  ask<O extends Operation>(operation: O, input: InputOf<O>): Promise<OperationAnswer<O>>;
};

export function openControl(control: Control): ControlClient {
  return {
    async ask(operation, input) {
      const response = await send(control, operation, input);
      const body = await readJson(response, control.url);
      if (!response.ok) throw toFailure(response, body);
      const answer = operation.answer.safeParse(body);
      if (answer.success) return answer.data as never;
      throw new Failure(
        "upstream",
        `The control plane at ${control.url} gave an answer that this version does not understand. ` +
          "Are both of the same version? Compare: baseload version, baseload status",
        { cause: answer.error },
      );
    },
  };
}

type Sent = {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
};

async function send(control: Control, operation: Operation, input: Sent): Promise<Response> {
  try {
    return await fetch(`${control.url}${API_PREFIX}${operationPath(operation, input)}`, {
      method: operation.method.toUpperCase(),
      headers: {
        authorization: `Bearer ${control.token}`,
        ...(input.body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      redirect: "error",
    });
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError") {
      throw new Failure("timeout", `The control plane at ${control.url} did not answer in time.`);
    }
    throw controlNotRunning(`nothing answers at ${control.url}`);
  }
}

async function readJson(response: Response, url: string): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    throw new Failure(
      "upstream",
      `${url} answered ${response.status} without JSON: is this the control plane of Baseload?`,
      { cause },
    );
  }
}

function toFailure(response: Response, body: unknown): Failure {
  const known = ErrorBody.safeParse(body);
  const message = known.success
    ? known.data.error.message
    : `The control plane answered ${response.status}.`;
  const hint = response.status === 401 ? " Check --home and BASELOAD_ADMIN_TOKEN." : "";
  const param = known.success ? known.data.error.param : null;
  return new Failure(kindOf(response.status), message + hint, {
    status: response.status,
    ...(param === null ? {} : { param }),
  });
}

function kindOf(status: number): FailureKind {
  const kinds = Object.entries(failureKinds) as [FailureKind, { status: number }][];
  return kinds.find(([, kind]) => kind.status === status)?.[0] ?? "upstream";
}
