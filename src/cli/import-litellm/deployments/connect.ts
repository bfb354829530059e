/** Where a deployment is called, and with which credential: the settings of its provider. Pure. */
import { fieldOf, type Setting, textOf } from "../config/config-tree.ts";
import type { Findings } from "../config/findings.ts";
import { connectAzure, connectAzureAi } from "./connect-azure.ts";
import { connectBedrock, connectVertex } from "./connect-clouds.ts";
import {
  addressIn,
  type Connecting,
  type Connection,
  keyFor,
  needsPrivate,
  regionIn,
} from "./connection.ts";
import { upstreams } from "./upstreams.ts";

type Connect = (connecting: Connecting) => Connection | undefined;

const clouds: Readonly<Record<string, Connect>> = {
  azure: connectAzure,
  azure_ai: connectAzureAi,
  bedrock: connectBedrock,
  bedrock_converse: connectBedrock,
  vertex_ai: connectVertex,
};

/** Undefined: it cannot be reached, and a finding says why. */
export function connect(
  provider: string,
  connecting: Omit<Connecting, "known">,
): Connection | undefined {
  const known = Object.hasOwn(upstreams, provider) ? upstreams[provider] : undefined;
  if (known === undefined) {
    const { findings, modelSetting } = connecting;
    findings.refuse(
      modelSetting,
      `Baseload has no way to LiteLLM's provider '${provider}'. If it speaks OpenAI's chat, write openai/… with its api_base`,
    );
    return undefined;
  }
  return (clouds[provider] ?? connectPlainly)({ ...connecting, known });
}

function connectPlainly(connecting: Connecting): Connection | undefined {
  const { params, known, model, modelSetting, findings } = connecting;
  const found = addressIn(connecting);
  if (found === undefined) return undefined;
  const said = found.address;
  const address = said === undefined ? known.baseUrl : withPath(said, known.path);
  const needsAddress = known.preset === undefined || known.isKeyless === true;
  if (address === undefined && needsAddress) {
    findings.refuse(modelSetting, `an api_base is missing: where does '${known.name}' answer?`);
    return undefined;
  }
  const isElsewhere = said !== undefined && known.preset === "openai" && !isOpenAi(said);
  const quirks = quirksIn(connecting);
  const key = keyFor(connecting, fieldOf(params, "api_key"));
  return {
    name: isElsewhere && address !== undefined ? placeOf(address) : known.name,
    settings: {
      ...(isElsewhere || known.preset === undefined
        ? { dialect: "openai-chat" as const }
        : { preset: known.preset }),
      ...(address === undefined ? {} : { base_url: address }),
      ...regionIn(connecting),
      ...(address !== undefined && needsPrivate(address) ? { allow_private: true } : {}),
      ...(Object.keys(quirks).length === 0 ? {} : { quirks }),
    },
    key,
    upstream: model,
  };
}

const withPath = (address: string, path: string | undefined): string =>
  path === undefined || address.endsWith(path) ? address : address + path;

/** `10.0.0.7-8000`: an own server has no other name. */
function placeOf(address: string): string {
  const { hostname, port } = new URL(address);
  return port === "" ? hostname : `${hostname}-${port}`;
}

const isOpenAi = (address: string): boolean =>
  URL.canParse(address) && /(^|\.)api\.openai\.com$/.test(new URL(address).hostname);

/** More than any provider asks for, and as many as one can have. */
const HEADERS_MAX = 16;
/** Quirks are shown to whoever lists providers. */
const SECRET_NAME = /auth|key|token|secret|cookie|password|credential/i;

function quirksIn({ params, known, variables, findings }: Connecting): Record<string, unknown> {
  const headers: Record<string, string> = {};
  const organization = fieldOf(params, "organization");
  const name = variables.text(organization);
  if (name !== undefined && known.preset === "openai" && /^[\w-]{1,100}$/.test(name)) {
    headers["openai-organization"] = name;
    findings.take(organization, "the header openai-organization");
  }
  for (const field of ["extra_headers", "headers"]) {
    const given = fieldOf(params, field);
    if (given?.kind !== "map") continue;
    for (const [header, setting] of given.fields) takeHeader(header, setting, headers, findings);
  }
  return Object.keys(headers).length === 0 ? {} : { headers };
}

function takeHeader(
  name: string,
  setting: Setting,
  headers: Record<string, string>,
  findings: Findings,
): void {
  const value = textOf(setting);
  const isSecret = SECRET_NAME.test(name) || value?.startsWith("os.environ/") === true;
  if (isSecret || value === undefined) {
    findings.refuse(
      setting,
      "headers are shown to operators, and this one may hold a secret. Credentials go with: baseload provider credential add",
    );
  } else if (!/^[A-Za-z0-9-]+$/.test(name) || !/^[\x20-\x7e]{0,200}$/.test(value)) {
    findings.refuse(setting, "is no header of printable ASCII with at most 200 characters");
  } else if (Object.keys(headers).length >= HEADERS_MAX) {
    findings.refuse(setting, `a provider has at most ${HEADERS_MAX} headers`);
  } else {
    headers[name.toLowerCase()] = value;
    findings.take(setting, `the header ${name.toLowerCase()} of every call`);
  }
}
