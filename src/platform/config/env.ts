/** Reads the configuration from environment variables and flags, and reports every problem at once. */
import { Failure } from "../../lib/errors.ts";
import { nearestNames } from "../../lib/nearest.ts";
import { type Config, ConfigSchema, withMachineDefaults } from "./config.ts";
import { type Field, readFields } from "./fields.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

export type Sources = {
  variables: Variables;
  /** By name, with dashes: `{"--port": "8080"}`. Flags win over variables. */
  flags?: Readonly<Record<string, string>>;
};

export type CheckedConfig = {
  /** Undefined when there are problems. */
  config: Config | undefined;
  problems: string[];
  /** What looks like a mistake but does no harm. */
  warnings: string[];
};

/** Read by other parts of Baseload: by the command line, by `model pull`, by tests. */
const otherVariables: readonly string[] = [
  "BASELOAD_ADMIN_TOKEN",
  "BASELOAD_API_KEY",
  "BASELOAD_CONTROL_URL",
  "BASELOAD_GATEWAY_URL",
];

/** The process's own environment: read here, passed on as a value. */
export const processVariables = (): Variables => process.env;

/** @throws Failure `invalid` with one line for each problem. */
export function readConfig(sources: Sources): Config {
  const { config, problems } = checkConfig(sources);
  if (config !== undefined) return config;
  throw new Failure("invalid", `The configuration is not valid:\n${problems.join("\n")}`);
}

/** The configuration as variables again, for processes that are to have the same one. */
export function toVariables(config: Config): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const { path, variable } of readFields()) {
    let value: unknown = config;
    for (const part of path) value = (value as Record<string, unknown> | undefined)?.[part];
    if (value !== undefined) variables[variable] = String(value);
  }
  return variables;
}

export function checkConfig({ variables, flags = {} }: Sources): CheckedConfig {
  const fields = readFields();
  const { input, origins } = collectInput(fields, { variables, flags });
  const parsed = ConfigSchema.safeParse(input);
  const problems = unknownFlags(fields, flags);
  for (const issue of parsed.error?.issues ?? []) {
    const field = fields.find((candidate) => candidate.path.join(".") === issue.path.join("."));
    const origin = field === undefined ? issue.path.join(".") : origins.get(field);
    problems.push(`  ${origin}: ${adviceOf(issue, field)}`);
  }
  if (parsed.success) problems.push(...contradictions(parsed.data));
  return {
    config: parsed.success && problems.length === 0 ? withMachineDefaults(parsed.data) : undefined,
    problems,
    warnings: unknownVariables(fields, variables),
  };
}

/** What was given, in the shape of the schema, and for each field where it came from, for messages. */
function collectInput(
  fields: readonly Field[],
  { variables, flags }: Required<Sources>,
): { input: Record<string, unknown>; origins: Map<Field, string> } {
  const input: Record<string, unknown> = {};
  const origins = new Map<Field, string>();
  for (const field of fields) {
    const flagText = field.flag === undefined ? undefined : flags[field.flag];
    const text = flagText ?? variables[field.variable];
    // An empty variable is one that is not set, as in `BASELOAD_PORT= baseload up`.
    if (text === undefined || text === "") continue;
    const name = flagText === undefined ? field.variable : field.flag;
    origins.set(field, field.isSecret ? `${name}` : `${name} is '${text}'`);
    setAt(input, { field, value: toValue(field, text) });
  }
  return { input, origins };
}

/** Digits only: `8e3`, `0x10` and blanks are more often slips than meant. What is no number is left for the schema to refuse. */
const toValue = (field: Field, text: string): unknown =>
  field.isNumber && /^-?\d{1,15}$/.test(text) ? Number(text) : text;

function setAt(input: Record<string, unknown>, at: { field: Field; value: unknown }): void {
  const [first = "", second] = at.field.path;
  if (second === undefined) {
    input[first] = at.value;
    return;
  }
  input[first] = { ...(input[first] as object | undefined), [second]: at.value };
}

function adviceOf(issue: { code: string; message: string }, field: Field | undefined): string {
  if (field?.isNumber === true) return `must be a whole number from ${field.accepts}`;
  if (issue.code === "invalid_value") return `must be one of ${field?.accepts ?? ""}`;
  return issue.message;
}

/** What the fields alone cannot say. */
function contradictions(parsed: {
  port: number;
  controlPort: number;
  lease: { ttlMs: number; marginMs: number };
}): string[] {
  const problems: string[] = [];
  if (parsed.port === parsed.controlPort) {
    problems.push(`  port and controlPort are both ${parsed.port}: each plane needs its own`);
  }
  if (parsed.lease.marginMs * 2 > parsed.lease.ttlMs) {
    problems.push("  lease.marginMs must be at most half of lease.ttlMs");
  }
  return problems;
}

function unknownFlags(fields: readonly Field[], flags: Readonly<Record<string, string>>): string[] {
  const known = fields.flatMap((field) => field.flag ?? []);
  return Object.keys(flags)
    .filter((flag) => !known.includes(flag))
    .map((flag) => `  ${flag} is not known.${suggest(flag, known)}`);
}

function unknownVariables(fields: readonly Field[], variables: Variables): string[] {
  const known = [...fields.map((field) => field.variable), ...otherVariables];
  return (
    Object.keys(variables)
      .filter((name) => name.startsWith("BASELOAD_") && !known.includes(name))
      // Kubernetes sets `BASELOAD_SERVICE_HOST` and the like in every pod beside a service named baseload.
      .filter((name) => !/^BASELOAD_TEST_|_(SERVICE|PORT)(_|$)/.test(name))
      .map((name) => `  ${name} is not known and has no effect.${suggest(name, known)}`)
  );
}

function suggest(name: string, known: readonly string[]): string {
  const [nearest] = nearestNames(name, known);
  return nearest === undefined ? "" : ` Did you mean ${nearest}?`;
}
