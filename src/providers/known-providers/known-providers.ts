/** The table of known providers, and how an entry becomes the settings of a connected one. */
import { Failure } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { readGoogleAccount } from "../credentials/cloud-credential.ts";
import type { DialectName, Quirks } from "../upstream.ts";
import { clouds } from "./clouds.ts";
import { hosts } from "./hosts.ts";
import type { KnownEndpoint, KnownProvider } from "./known-provider.ts";
import { makers } from "./makers.ts";
import { makersInChina } from "./makers-in-china.ts";
import { ownServers } from "./own-servers.ts";

export const knownProviders: readonly KnownProvider[] = [
  ...makers,
  ...clouds,
  ...hosts,
  ...makersInChina,
  ...ownServers,
];

/** @throws Failure `invalid` with the nearest names */
export function findKnownProvider(name: string): KnownProvider {
  const found = knownProviders.find((known) => known.name === name);
  if (found !== undefined) return found;
  const names = knownProviders.map((known) => known.name);
  throw new Failure(
    "invalid",
    `No provider '${name}' is known beforehand.${didYouMean(name, names)} 'baseload provider presets' lists those that are; for others say --dialect and --base-url.`,
    { param: "preset", code: "unknown_preset" },
  );
}

export type Connection = {
  dialect: DialectName;
  baseUrl: string;
  region: string | undefined;
  quirks: Quirks;
};

/** What an operator said; the entry says the rest. */
export type Said = {
  region?: string | undefined;
  baseUrl?: string | undefined;
  /** Only to find the project in it. */
  credential?: string | undefined;
  quirks?: Quirks;
};

/** @throws Failure `invalid` that says what is missing */
export function connectionTo(known: KnownProvider, said: Said): Connection {
  const endpoint = endpointFor(known, said);
  // Where another address lies is not for the table to say: residency depends on it.
  const region = said.region ?? (said.baseUrl === undefined ? fixedRegionOf(endpoint) : undefined);
  const all = merged(known.quirks, endpoint.quirks, said.quirks);
  if (region === undefined && JSON.stringify(all).includes(ANY_REGION)) throw noRegion(known);
  const quirks = inRegion(all, region);
  const baseUrl = said.baseUrl ?? addressOf(known, endpoint, { ...said, region });
  return { dialect: known.dialect, baseUrl, region, quirks };
}

const ANY_REGION = "{region}";
/** Part of a name in an address: a dot or a slash in it would lead elsewhere. */
const REGION = /^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$/;

const fixedRegionOf = ({ region }: KnownEndpoint): string | undefined =>
  region === null || region === ANY_REGION ? undefined : region;

function endpointFor({ name, endpoints }: KnownProvider, { region, baseUrl }: Said): KnownEndpoint {
  const [first] = endpoints;
  if (region === undefined) return first;
  const named = endpoints.find((endpoint) => endpoint.region === region);
  const any = endpoints.find((endpoint) => endpoint.region === ANY_REGION);
  // Where the operator says the address, or runs the server, the region is a word of theirs.
  const own = baseUrl !== undefined || first.region === null ? first : undefined;
  const found = named ?? (REGION.test(region) ? any : undefined) ?? own;
  if (found !== undefined) return found;
  const regions = endpoints.flatMap((endpoint) => fixedRegionOf(endpoint) ?? []);
  throw new Failure(
    "invalid",
    `'${name}' has no region '${region}'.${didYouMean(region, regions)} It has: ${regions.join(", ")}. For another address say --base-url.`,
    { param: "region", code: "unknown_region" },
  );
}

function addressOf(
  known: KnownProvider,
  { url }: KnownEndpoint,
  { region, credential }: Said,
): string {
  if (url.includes(ANY_REGION) && region === undefined) throw noRegion(known);
  if (url.includes("{resource}")) {
    throw missing(
      known,
      "base_url",
      `Say its address with --base-url ${url}, with the name of your resource.`,
    );
  }
  const project = url.includes("{project}") ? projectIn(credential) : "";
  if (project === undefined) {
    throw missing(
      known,
      "api_key",
      "Its credential must be the JSON file of a service account with a project_id; or say the whole address with --base-url.",
    );
  }
  return url.replaceAll(ANY_REGION, region ?? "").replaceAll("{project}", project);
}

const PROJECT = /^[a-z0-9:.-]{1,100}$/;

function projectIn(credential: string | undefined): string | undefined {
  const project = readGoogleAccount(credential ?? "")?.projectId;
  return project !== undefined && PROJECT.test(project) ? project : undefined;
}

const noRegion = (known: KnownProvider): Failure =>
  missing(known, "region", "Say its region with --region.");

const missing = (known: KnownProvider, param: string, what: string): Failure =>
  new Failure("invalid", `'${known.name}' (${known.title}) cannot be connected yet. ${what}`, {
    param,
    code: "preset_incomplete",
  });

/** Later ones win; records are merged one level deep, so that a region adds its addresses. */
function merged(...all: readonly (Quirks | undefined)[]): Quirks {
  const result: Record<string, unknown> = {};
  for (const [name, value] of all.flatMap((quirks) => Object.entries(quirks ?? {}))) {
    const before = result[name];
    result[name] = isRecord(before) && isRecord(value) ? { ...before, ...value } : value;
  }
  return result as Quirks;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const inRegion = (quirks: Quirks, region: string | undefined): Quirks =>
  JSON.parse(JSON.stringify(quirks).replaceAll(ANY_REGION, region ?? "")) as Quirks;

/** Which known provider answers at an address: its id in the list of prices, for one. */
export function knownAt(
  baseUrl: string,
): { known: KnownProvider; endpoint: KnownEndpoint } | undefined {
  for (const known of knownProviders) {
    const endpoint = known.endpoints.find(({ url }) => patternOf(url).test(baseUrl));
    if (endpoint !== undefined) return { known, endpoint };
  }
  return undefined;
}

const patternOf = (url: string): RegExp =>
  new RegExp(
    `^${url
      .replaceAll(/[.*+?^$()|[\]\\/]/g, "\\$&")
      .replaceAll(/\{(region|project|resource)\}/g, "[a-z0-9:.-]+")}$`,
  );
