/** One entry of `model_list`: who serves which model, how, and at what price. Pure. */

import { ModelName, UpstreamModelName } from "../../../contract/fields.ts";
import {
  type Capability,
  capabilityNames,
  type Modality,
  modalityNames,
} from "../../../lib/abilities.ts";
import {
  fieldOf,
  type MapSetting,
  numberOf,
  type Setting,
  textOf,
  wholeOf,
} from "../config/config-tree.ts";
import type { Findings } from "../config/findings.ts";
import type { ModelFacts } from "../plan/steps.ts";
import { connect } from "./connect.ts";
import type { Connecting, Connection } from "./connection.ts";
import { readPrice, type SaidPrice } from "./price-settings.ts";
import { splitModel } from "./upstreams.ts";

export type Deployment = {
  readonly line: number;
  /** What clients call. */
  readonly group: string;
  readonly connection: Connection;
  readonly price: SaidPrice;
  /** What its operator has named anew; undefined: the provider's own name. */
  readonly listedAs: string | undefined;
  /** Deployments of one group that agree in it are the same model. */
  readonly identity: string;
  readonly facts: ModelFacts;
  readonly order: number;
  readonly params: MapSetting;
};

export type Reading = Pick<Connecting, "variables" | "file" | "findings"> & {
  /** Of `credential_list`, by name. */
  readonly credentials: ReadonlyMap<string, MapSetting>;
};

/** Undefined: it was refused, and a finding says why. */
export function readDeployment(entry: Setting, reading: Reading): Deployment | undefined {
  const { findings } = reading;
  const name = fieldOf(entry, "model_name");
  const group = textOf(name);
  const params = withCredential(fieldOf(entry, "litellm_params"), reading);
  if (params === undefined) {
    findings.refuse(entry, "has no litellm_params");
    return undefined;
  }
  if (params === "unnamed") return refuseRest(entry, findings);
  const modelSetting = fieldOf(params, "model");
  const model = reading.variables.text(modelSetting);
  const wrong = whyNot(entry, group, model);
  if (wrong !== undefined || group === undefined || model === undefined) {
    findings.refuse(entry, wrong ?? "has no model_name, or no model");
    return undefined;
  }
  const info = fieldOf(entry, "model_info");
  const connection = connectTo(model, { ...reading, params, modelSetting: modelSetting ?? params });
  if (connection === undefined) {
    // The reason stands at the setting that lacks something; the rest of the entry went with it.
    return refuseRest(entry, findings);
  }
  findings.take(name, `the model ${group}`);
  findings.take(modelSetting, sayConnection(params, connection));
  const infoMap = info?.kind === "map" ? info : undefined;
  const price = readPrice([params, infoMap], findings);
  return {
    line: entry.line,
    group,
    connection,
    price,
    listedAs: textOf(fieldOf(info, "base_model"))?.replace(/^.*\//, ""),
    identity: identityOf(group, connection, price, info, findings),
    facts: readFacts(info, findings),
    order: readOrder(params, findings),
    params,
  };
}

/** A key that nobody has named is told, too. */
function sayConnection(params: MapSetting, { name, upstream, key }: Connection): string {
  const isNamed = KEY_SETTINGS.some((one) => params.fields.has(one));
  const usual =
    isNamed || key?.variable === undefined ? "" : `, with the credential in ${key.variable}`;
  return `${name}, as ${upstream}${usual}`;
}

const KEY_SETTINGS = ["api_key", "aws_access_key_id", "vertex_credentials"];

/** Other kinds of calls than Baseload answers. */
const MODES =
  /^(chat|responses|embedding|image_generation|image_edit|audio_transcription|audio_speech|rerank|moderation|batch)$/;

function whyNot(
  entry: Setting,
  group: string | undefined,
  model: string | undefined,
): string | undefined {
  if (group === undefined || model === undefined) return undefined;
  if (group.includes("*") || model.includes("*")) {
    return `'${group}' stands for many models, and every model has a price here: name those that are called, one entry each`;
  }
  if (!ModelName.safeParse(group).success) {
    return `'${group}' can be no model here: up to 127 letters, digits, '.', '_', ':', '/', '@' and '-', of which the first is a letter or a digit`;
  }
  const mode = textOf(fieldOf(fieldOf(entry, "model_info"), "mode"));
  if (mode !== undefined && !MODES.test(mode))
    return `Baseload does not serve calls of mode '${mode}'`;
  return undefined;
}

/** What a named credential says, and what the entry says itself, which comes first. */
function withCredential(params: Setting | undefined, { credentials, findings }: Reading) {
  if (params?.kind !== "map") return undefined;
  const setting = params.fields.get("litellm_credential_name");
  const named = credentials.get(textOf(setting) ?? "");
  if (setting === undefined) return params;
  if (named === undefined) {
    findings.refuse(setting, "credential_list has no credential of this name");
    return "unnamed" as const;
  }
  findings.take(setting, "its credential");
  return { ...params, fields: new Map([...named.fields, ...params.fields]) };
}

function connectTo(
  model: string,
  reading: Reading & { params: MapSetting; modelSetting: Setting },
): Connection | undefined {
  const { params, findings, modelSetting } = reading;
  const customSetting = fieldOf(params, "custom_llm_provider");
  const custom = textOf(customSetting);
  const named = splitModel(model, custom);
  if (named === undefined) {
    findings.refuse(
      modelSetting,
      `which provider serves '${model}'? Write it before the name, such as openai/${model}`,
    );
    return undefined;
  }
  if (custom !== undefined) findings.take(customSetting, `the provider ${custom}`);
  const connection = connect(named.provider, { ...reading, model: named.model });
  if (connection === undefined || UpstreamModelName.safeParse(connection.upstream).success) {
    return connection;
  }
  findings.refuse(
    modelSetting,
    "the model's name at the provider is empty or has more than 200 characters",
  );
  return undefined;
}

function refuseRest(entry: Setting, findings: Findings): undefined {
  if (entry.kind !== "map") return undefined;
  for (const setting of entry.fields.values()) {
    const parts = setting.kind === "map" ? [...setting.fields.values()] : [setting];
    for (const part of parts) {
      if (!findings.isRefusedBelow(part))
        findings.refuse(part, "the deployment that it belongs to was refused");
    }
  }
  return undefined;
}

/** Names that operators give to deployments say nothing about the model. */
const FREE_NAMES = /^azure/;

function identityOf(
  group: string,
  { upstream, settings, name }: Connection,
  price: SaidPrice,
  info: Setting | undefined,
  findings: Findings,
): string {
  const base = fieldOf(info, "base_model");
  const baseModel = textOf(base);
  if (price !== undefined) {
    findings.ignore(base, "its price is said");
    return `price ${JSON.stringify(price)}`;
  }
  findings.take(base, "the model that it is: for its price");
  const isFree = FREE_NAMES.test(settings.preset ?? name);
  return (baseModel ?? (isFree ? group : upstream)).replace(/^.*\//, "").toLowerCase();
}

function readOrder(params: MapSetting, findings: Findings): number {
  const setting = fieldOf(params, "order");
  const order = numberOf(setting);
  if (order !== undefined) findings.take(setting, `tier ${order} of the route`);
  return order ?? Number.POSITIVE_INFINITY;
}

const CAPABILITY_FLAGS: Readonly<Record<string, Capability>> = {
  supports_function_calling: "tools",
  supports_response_schema: "structured_output",
  supports_reasoning: "reasoning",
};
const MODALITY_FLAGS: Readonly<Record<string, Modality>> = {
  supports_vision: "image",
  supports_audio_input: "audio",
  supports_pdf_input: "file",
  supports_video_input: "video",
};

function readFacts(info: Setting | undefined, findings: Findings): ModelFacts {
  const context = countIn(info, "max_input_tokens", "the model's context", findings);
  const output =
    countIn(info, "max_output_tokens", "the model's limit of output tokens", findings) ??
    countIn(info, "max_tokens", "the model's limit of output tokens", findings);
  findings.ignore(fieldOf(info, "max_tokens"), "max_output_tokens says it");
  findings.ignore(fieldOf(info, "mode"), "clients say by the endpoint what they want");
  const lacks = <Name extends string>(flags: Readonly<Record<string, Name>>) =>
    Object.entries(flags).flatMap(([flag, ability]) => readFlag(info, flag, ability, findings));
  const [noCapability, noModality] = [lacks(CAPABILITY_FLAGS), lacks(MODALITY_FLAGS)];
  return {
    ...(context === undefined ? {} : { context_tokens: context }),
    ...(output === undefined ? {} : { max_output_tokens: output }),
    ...(noCapability.length === 0
      ? {}
      : { capabilities: capabilityNames.filter((name) => !noCapability.includes(name)) }),
    ...(noModality.length === 0
      ? {}
      : { modalities: modalityNames.filter((name) => !noModality.includes(name)) }),
  };
}

function countIn(
  info: Setting | undefined,
  name: string,
  what: string,
  findings: Findings,
): number | undefined {
  const setting = fieldOf(info, name);
  const count = wholeOf(setting);
  if (count === undefined || count < 1) return undefined;
  if (setting !== undefined && !findings.isNoted(setting))
    findings.take(setting, `${what}: ${count}`);
  return count;
}

/** What nobody has denied is tried, so only a `false` says something. */
function readFlag<Name extends string>(
  info: Setting | undefined,
  flag: string,
  ability: Name,
  findings: Findings,
): Name[] {
  const setting = fieldOf(info, flag);
  if (setting?.kind !== "scalar") return [];
  if (setting.value === false) {
    findings.take(setting, `the model is said to be without '${ability}'`);
    return [ability];
  }
  findings.ignore(setting, "what nobody has denied is tried");
  return [];
}
