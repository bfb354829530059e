/**
 * One operation of the control plane: a method and a path under `/api/v1` with the schemas of what goes in and
 * out. The control plane serves these values, OpenAPI is generated from them, and the command line asks them, so
 * none of the three can drift from the others.
 */
import type { z } from "zod";

export const API_PREFIX = "/api/v1";

export type Method = "get" | "post" | "delete";

export type Operation = {
  /** OpenAPI's operationId, and the action in the audit log: `key.create`. */
  readonly id: string;
  readonly method: Method;
  /** Under `API_PREFIX`, with parameters in braces: `/keys/{id}/revoke`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  readonly answer: z.ZodType;
  /** 200 unless something was created. */
  readonly status: 200 | 201;
};

/** Keeps the exact types of the schemas. */
export const defineOperation = <const O extends Operation>(operation: O): O => operation;

type Part<O, K extends string> = O extends { readonly [P in K]: infer S extends z.ZodType }
  ? S
  : undefined;

type Given<S> = S extends z.ZodType ? z.input<S> : undefined;
type Read<S> = S extends z.ZodType ? z.output<S> : undefined;

/** What a caller sends; a part that the operation lacks is `undefined`. */
export type OperationInput<O extends Operation> = {
  params: Given<Part<O, "params">>;
  query: Given<Part<O, "query">>;
  body: Given<Part<O, "body">>;
};

/** What the control plane receives, after validation and defaults. */
export type OperationRequest<O extends Operation> = {
  params: Read<Part<O, "params">>;
  query: Read<Part<O, "query">>;
  body: Read<Part<O, "body">>;
};

export type OperationAnswer<O extends Operation> = z.output<O["answer"]>;

/** The operation's path below the API's prefix, with parameters and query filled in. */
export function operationPath(
  operation: Operation,
  input: {
    readonly params?: Readonly<Record<string, unknown>> | undefined;
    readonly query?: Readonly<Record<string, unknown>> | undefined;
  },
): string {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(input.params?.[name])),
  );
  const query = new URLSearchParams(
    Object.entries(input.query ?? {})
      .filter(([, value]) => value !== undefined)
      .map(([name, value]): [string, string] => [name, String(value)]),
  );
  return query.size === 0 ? path : `${path}?${query}`;
}
