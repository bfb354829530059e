import { readFile } from "node:fs/promises";
import { parse as parseYaml, YAMLParseError } from "yaml";
import type { RouteDefinition } from "../../contract/route-definition.ts";
import * as contract from "../../contract/routes.ts";
import { modalityNames } from "../../lib/abilities.ts";
import type { Operation } from "../../lib/operations.ts";
import type { CommandContext, Report } from "../grammar/command.ts";
import { UsageError } from "../grammar/usage-error.ts";
import { formatTable, formatTime } from "../output/format.ts";
import { morePages, type PageFlags } from "../output/page.ts";
import { sayExplanation } from "./route-explanation.ts";

/** As much as the control plane reads. */
const FILE_CHARS_MAX = 256 * 1_024;
/** Each alias of YAML may repeat what it names; a route needs none, and a bomb is made of them. */
const YAML_ALIASES_MAX = 100;

export async function setRoute(
  flags: { readonly name: string; readonly file: string },
  context: CommandContext,
): Promise<Report> {
  const definition = await readDefinition(flags.file, context);
  const route = await context
    .control()
    .ask(contract.setRoute, { params: { name: flags.name }, body: { definition } });
  return {
    json: route,
    text: `Version ${route.version} of route ${route.name} is in force. See who would be asked: baseload route explain --model ${route.name}\n`,
  };
}

export async function listRoutes(page: PageFlags, context: CommandContext): Promise<Report> {
  const answer = await context.control().ask(contract.listRoutes, { query: page });
  const table = formatTable(
    answer.data,
    [
      { title: "name", cell: (row) => row.name },
      { title: "aliases", cell: (row) => (row.definition.aliases ?? []).join(", ") },
      { title: "version", cell: (row) => row.version, align: "right" },
      { title: "tiers", cell: sayTiers },
      { title: "since", cell: (row) => formatTime(row.created_at) },
    ],
    "No routes yet: every model is tried at its deployments, in order. Set one with: baseload route set NAME --file route.yaml",
  );
  return { json: answer, text: table + morePages(answer) };
}

const sayTiers = ({ definition }: contract.Route): string =>
  definition.tiers
    .map(
      (tier) => `${tier.name} (${[...new Set(tier.targets.map(({ model }) => model))].join(", ")})`,
    )
    .join(" → ");

export async function showRoute(
  flags: { readonly name: string; readonly version: number | undefined },
  context: CommandContext,
): Promise<Report> {
  const route = await context.control().ask(contract.showRoute, {
    params: { name: flags.name },
    query: { version: flags.version },
  });
  const { stringify } = await import("yaml");
  const state = route.version === route.current_version ? "in force" : "not in force";
  return {
    json: route,
    text: `# ${route.name}, version ${route.version} (${state}), set by ${route.actor} at ${formatTime(route.created_at)}\n${stringify(route.definition)}`,
  };
}

export async function listVersions(
  flags: PageFlags & { readonly name: string },
  context: CommandContext,
): Promise<Report> {
  const { name, ...page } = flags;
  const answer = await context
    .control()
    .ask(contract.listRouteVersions, { params: { name }, query: page });
  const table = formatTable(
    answer.data,
    [
      { title: "version", cell: (row) => row.version, align: "right" },
      { title: "", cell: (row) => (row.version === row.current_version ? "in force" : null) },
      {
        title: "brings back",
        cell: (row) => (row.restores === null ? null : `version ${row.restores}`),
      },
      { title: "by", cell: (row) => row.actor },
      { title: "at", cell: (row) => formatTime(row.created_at) },
      { title: "tiers", cell: sayTiers },
    ],
    "No versions.",
  );
  return { json: answer, text: table + morePages(answer) };
}

export async function undoRoute(
  flags: { readonly name: string; readonly to: number | undefined },
  context: CommandContext,
): Promise<Report> {
  const route = await context
    .control()
    .ask(contract.undoRoute, { params: { name: flags.name }, body: { to: flags.to } });
  return {
    json: route,
    text: `Route ${route.name} says again what version ${route.restores} said, as version ${route.version}.\n`,
  };
}

export async function removeRoute(name: string, context: CommandContext): Promise<Report> {
  const route = await context.control().ask(contract.removeRoute, { params: { name } });
  return {
    json: route,
    text: `Route ${route.name} is out of force. Bring it back with: baseload route undo ${route.name}\n`,
  };
}

type ExplainFlags = {
  readonly model: string;
  readonly file: string | undefined;
  readonly metadata: readonly string[];
  readonly organization: string | undefined;
  readonly project: string | undefined;
  readonly key: string | undefined;
  readonly region: readonly string[];
  readonly operation: string | undefined;
  readonly task: string | undefined;
  readonly language: string | undefined;
  readonly text: string | undefined;
  readonly "input-tokens": number | undefined;
  readonly "max-output-tokens": number | undefined;
  readonly needs: readonly string[];
  readonly stream: boolean;
  readonly at: string | undefined;
  readonly seed: number | undefined;
};

export async function explainRoute(flags: ExplainFlags, context: CommandContext): Promise<Report> {
  const definition =
    flags.file === undefined ? undefined : await readDefinition(flags.file, context);
  const explanation = await context.control().ask(contract.explainRoute, {
    body: {
      model: flags.model,
      definition,
      organization: flags.organization,
      project: flags.project,
      key: flags.key,
      regions: flags.region.length === 0 ? undefined : [...flags.region],
      operation: flags.operation as Operation | undefined,
      metadata: Object.fromEntries(flags.metadata.map(readPair)),
      task: flags.task,
      language: flags.language,
      text: flags.text,
      input_tokens: flags["input-tokens"],
      max_output_tokens: flags["max-output-tokens"],
      ...readNeeds(flags.needs),
      stream: flags.stream,
      at: flags.at,
      seed: flags.seed,
    },
  });
  return {
    json: explanation,
    text: sayExplanation(explanation),
    refused: explanation.candidates.length === 0,
  };
}

function readPair(text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`--metadata takes NAME=VALUE, not '${text}'.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function readNeeds(names: readonly string[]): { capabilities: string[]; modalities: string[] } {
  return {
    capabilities: names.filter((name) => !isModality(name)),
    modalities: names.filter(isModality),
  };
}

const isModality = (name: string): boolean => modalityNames.some((one) => one === name);

/** @param file a path, or `-` for what is piped in. JSON is YAML too. */
async function readDefinition(file: string, context: CommandContext): Promise<RouteDefinition> {
  const text = file === "-" ? await context.terminal.readInput() : await readText(file);
  if (text.length > FILE_CHARS_MAX) {
    throw new UsageError(`--file: ${file} has more than ${FILE_CHARS_MAX} characters.`);
  }
  try {
    // The control plane checks what it says, and names the field; here it only has to be YAML.
    return parseYaml(text, { maxAliasCount: YAML_ALIASES_MAX }) as RouteDefinition;
  } catch (error) {
    if (!(error instanceof YAMLParseError) && !(error instanceof ReferenceError)) throw error;
    throw new UsageError(`--file: ${file} is not valid YAML: ${error.message}`);
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new UsageError(`--file: ${file} ${why}.`);
  }
}
