/** What every connection is made of: an address, a region, a credential. Pure. */
import { fieldOf, type MapSetting, type Setting, textOf } from "../config/config-tree.ts";
import type { Findings } from "../config/findings.ts";
import type { Secret } from "../config/secret.ts";
import type { SaidSecret, VariableBook } from "../config/variables.ts";
import type { ProviderSettings } from "../plan/steps.ts";
import type { KnownUpstream } from "./upstreams.ts";

export type Key = {
  readonly secret: Secret;
  /** Names the credential; undefined: the configuration holds it. */
  readonly variable: string | undefined;
};

export type Connection = {
  /** What the provider is called, unless another one is called so. */
  readonly name: string;
  readonly settings: ProviderSettings;
  readonly key: Key | undefined;
  /** The model's name at the provider. */
  readonly upstream: string;
};

export type Connecting = {
  readonly params: MapSetting;
  readonly modelSetting: Setting;
  /** The model, without the provider before it. */
  readonly model: string;
  readonly known: KnownUpstream;
  readonly variables: VariableBook;
  /** The text of a local file; undefined: it cannot be read. */
  readonly file: (path: string) => string | undefined;
  readonly findings: Findings;
};

/** What is said, or nothing; undefined: a variable that is named is not set, so nobody knows what is meant. */
export function readSaid(
  setting: Setting | undefined,
  { variables, findings }: Connecting,
): { readonly text: string | undefined } | undefined {
  const text = variables.text(setting);
  if (setting === undefined || text !== undefined) return { text };
  if (textOf(setting) === undefined) return { text: undefined };
  findings.refuse(setting, "the variable that it names is not set here. Set it and run this again");
  return undefined;
}

/**
 * `api_base`, as LiteLLM reads it under either name, or in its usual variables. Undefined: it cannot be used, and the key
 * beside it must go nowhere else.
 */
export function addressIn(
  connecting: Connecting,
): { readonly address: string | undefined } | undefined {
  const { params, known, variables, findings, modelSetting } = connecting;
  const setting = fieldOf(params, "api_base") ?? fieldOf(params, "base_url");
  const said = readSaid(setting, connecting);
  if (said === undefined) return undefined;
  const usual = (known.addresses ?? []).map((name) => variables.valueOf(name)).find(Boolean);
  const text = said.text ?? usual;
  if (text === undefined) return { address: undefined };
  if (!isAddress(text)) {
    findings.refuse(
      setting ?? modelSetting,
      "the address must be http or https, without credentials and without a query",
    );
    return undefined;
  }
  const what = "the provider's address";
  findings.take(setting, needsPrivate(text) ? `${what}; it is private, and allowed` : what);
  return { address: text.replace(/\/+$/, "") };
}

/** As the control plane takes it; what holds a password is shown nowhere. */
function isAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === "";
}

const PRIVATE_HOST =
  /^(localhost|[^.:]+|.*\.(local|internal|lan|home|localdomain|cluster\.local)|127\..*|10\..*|192\.168\..*|172\.(1[6-9]|2\d|3[01])\..*|\[.*\])$/;

/** The operator runs this server: plain http, or an address that only this network has. */
export const needsPrivate = (address: string): boolean => {
  const { protocol, hostname } = new URL(address);
  return protocol === "http:" || PRIVATE_HOST.test(hostname);
};

export function regionIn({ params, variables, findings }: Connecting): { region?: string } {
  const setting = fieldOf(params, "region_name");
  const region = variables.text(setting);
  if (region === undefined) return {};
  findings.take(setting, `the provider's region, ${region}`);
  return { region: region.toLowerCase() };
}

/** The key that the configuration names; where it names none, LiteLLM's usual variables. */
export function keyFor(connecting: Connecting, setting: Setting | undefined): Key | undefined {
  const { known, variables, findings, modelSetting } = connecting;
  const said = setting === undefined ? undefined : variables.secret(setting);
  if (said === undefined) {
    const usual = variables.firstOf(known.keys ?? []);
    if (usual.secret !== undefined || known.isKeyless === true) return toKey(usual);
    const where =
      usual.variable === undefined ? "no api_key is given" : `${usual.variable} is not set`;
    findings.refuse(
      modelSetting,
      `${where}: the provider is made without a credential. Add one with: baseload provider credential add`,
    );
    return undefined;
  }
  return noteKey(said, setting, findings);
}

export function noteKey(
  said: SaidSecret,
  setting: Setting | undefined,
  findings: Findings,
): Key | undefined {
  const { secret, variable } = said;
  if (secret === undefined) {
    findings.refuse(
      setting,
      `the variable ${variable ?? ""} is not set here: the provider is made without this credential. Set it and run this again`,
    );
    return undefined;
  }
  findings.take(
    setting,
    variable === undefined
      ? "a credential; better kept in a variable than in the file"
      : `a credential, from ${variable}`,
  );
  return { secret, variable };
}

const toKey = ({ secret, variable }: SaidSecret): Key | undefined =>
  secret === undefined ? undefined : { secret, variable };
