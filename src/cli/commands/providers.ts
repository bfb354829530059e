import * as contract from "../../contract/providers.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { UsageError } from "../grammar/usage-error.ts";
import { formatTable } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";

type NewProvider = {
  readonly name: string;
  readonly preset: string | undefined;
  readonly dialect: string | undefined;
  readonly "base-url": string | undefined;
  readonly "api-key-env": string | undefined;
  readonly region: string | undefined;
  readonly "allow-private": boolean;
  readonly quirks: string | undefined;
};

export async function addProvider(flags: NewProvider, context: CommandContext): Promise<Report> {
  const body = {
    name: flags.name,
    preset: flags.preset,
    dialect: contract.Dialect.optional().parse(flags.dialect),
    base_url: flags["base-url"],
    api_key: readApiKey(flags["api-key-env"], context),
    region: flags.region,
    allow_private: flags["allow-private"],
    quirks: readQuirks(flags.quirks),
  };
  const provider = await context.control().ask(contract.createProvider, { body });
  return {
    json: provider,
    text: `Provider ${provider.name} is connected at ${provider.base_url}. ${nextStep(provider)}\n`,
  };
}

/** Who is reached over https mostly asks for a key. */
const nextStep = ({ name, base_url, has_credential }: contract.Provider): string =>
  has_credential || base_url.startsWith("http:")
    ? `Try it with: baseload provider test ${name}`
    : `It has no credential. Give it one with: baseload provider credential add ${name} default --api-key-env VARIABLE`;

export async function listPresets(context: CommandContext): Promise<Report> {
  const answer = await context.control().ask(contract.listPresets, {});
  const table = formatTable(
    answer.data,
    [
      { title: "name", cell: (row) => row.name },
      { title: "provider", cell: (row) => row.title },
      { title: "regions", cell: (row) => row.regions.map(({ region }) => region ?? "-").join(",") },
      { title: "key usually in", cell: (row) => row.key_variable },
      { title: "operations", cell: (row) => row.operations.join(",") },
    ],
    "",
  );
  return { json: answer, text: table };
}

/** A key on the command line would stay in the shell's history and be seen by everyone who lists processes. */
export function readApiKey(
  variable: string | undefined,
  context: CommandContext,
): string | undefined {
  if (variable === undefined) return undefined;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) {
    throw new UsageError(
      "--api-key-env takes the name of an environment variable, such as OPENAI_API_KEY, not the key itself.",
    );
  }
  const key = context.environment.variable(variable);
  if (key === undefined) {
    throw new UsageError(
      `--api-key-env: the environment variable ${variable} is not set or empty; export it first.`,
    );
  }
  return key;
}

/** `usage_lookup,retries=2,mode=fast` → switches that are true, numbers, or text. Others are written as a JSON object. */
export function readQuirks(text: string | undefined): Record<string, unknown> {
  if (text?.trimStart().startsWith("{") === true) return readQuirksAsJson(text);
  const quirks: Record<string, string | number | boolean> = {};
  for (const part of (text ?? "").split(",").filter((entry) => entry.trim() !== "")) {
    const [name = "", value] = part.trim().split("=", 2);
    if (name === "") throw new UsageError("--quirks: a value has no name before its '='.");
    quirks[name] = readQuirk(value);
  }
  return quirks;
}

function readQuirksAsJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new UsageError("--quirks begins like a JSON object, but is none.");
  }
}

function readQuirk(value: string | undefined): string | number | boolean {
  if (value === undefined || value === "true") return true;
  if (value === "false") return false;
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

export async function listProviders(page: PageFlags, context: CommandContext): Promise<Report> {
  const answer = await context.control().ask(contract.listProviders, { query: page });
  const table = formatTable(
    answer.data,
    [
      { title: "name", cell: (row) => row.name },
      { title: "dialect", cell: (row) => row.dialect },
      { title: "base url", cell: (row) => row.base_url },
      { title: "region", cell: (row) => row.region },
      { title: "credentials", cell: (row) => row.credentials.join(",") },
      { title: "private", cell: (row) => (row.allow_private ? "allowed" : "refused") },
      { title: "quirks", cell: (row) => Object.keys(row.quirks).join(",") },
    ],
    "No providers yet. Connect one with: baseload provider add",
  );
  return { json: answer, text: table + morePages(answer) };
}

/** Models of a provider that are shown to a person; `--json` has all that were read. */
const MODELS_SHOWN_MAX = 10;

export async function testProvider(
  { name, credential }: { name: string; credential: string | undefined },
  context: CommandContext,
): Promise<Report> {
  const test = await context
    .control()
    .ask(contract.testProvider, { params: { name }, body: { credential } });
  const latency = test.latency_ms === null ? "" : ` (${Math.round(test.latency_ms)} ms)`;
  const shown = test.models.slice(0, MODELS_SHOWN_MAX).join(", ");
  const more = test.models.length - MODELS_SHOWN_MAX;
  const models = shown === "" ? "" : `Models: ${shown}${more > 0 ? `, and ${more} more` : ""}\n`;
  return {
    json: test,
    text: `${test.name}: ${test.ok ? "ok" : "not ok"}${latency}. ${test.reason}\n${models}`,
    refused: !test.ok,
  };
}

export async function removeProvider(name: string, context: CommandContext): Promise<Report> {
  const provider = await context.control().ask(contract.removeProvider, { params: { name } });
  return { json: provider, text: `Provider ${provider.name} is removed.\n` };
}
