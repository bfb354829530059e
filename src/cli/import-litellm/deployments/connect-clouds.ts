/** Amazon Bedrock and Google Vertex AI: accounts instead of keys, regions instead of addresses. */
import { fieldOf, type Setting, textOf } from "../config/config-tree.ts";
import { Secret } from "../config/secret.ts";
import {
  type Connecting,
  type Connection,
  type Key,
  keyFor,
  noteKey,
  readSaid,
  regionIn,
} from "./connection.ts";

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;
/** LiteLLM's words for how it asks; here every model is asked by Converse. */
const BEDROCK_WAYS = /^(converse|invoke|converse_like)\//;
const BEDROCK_OTHERS =
  /^(agent|agentcore|imported|async_invoke|llama|deepseek_r1|nova|openai|qwen\d?|bedrock_mantle)\//;

export function connectBedrock(connecting: Connecting): Connection | undefined {
  const { known, params, variables, findings, modelSetting } = connecting;
  const model = connecting.model.replace(BEDROCK_WAYS, "");
  const [first = "", ...rest] = model.split("/");
  const isRegional = REGION.test(first) && rest.length > 0;
  if (BEDROCK_OTHERS.test(model)) {
    findings.refuse(modelSetting, "only models that Bedrock's Converse answers can be reached");
    return undefined;
  }
  const setting = fieldOf(params, "aws_region_name");
  const endpoint = fieldOf(params, "aws_bedrock_runtime_endpoint");
  const [saidRegion, saidEndpoint] = [
    readSaid(setting, connecting),
    readSaid(endpoint, connecting),
  ];
  if (saidRegion === undefined || saidEndpoint === undefined) return undefined;
  const region =
    saidRegion.text ??
    (isRegional ? first : undefined) ??
    textOf(fieldOf(params, "region_name")) ??
    ["AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"]
      .map((name) => variables.valueOf(name))
      .find((value) => value !== undefined);
  if (region === undefined) {
    findings.refuse(modelSetting, "aws_region_name is missing, and no variable says the region");
    return undefined;
  }
  findings.take(setting, `the region ${region}`);
  regionIn(connecting);
  const base_url = saidEndpoint.text?.replace(/\/+$/, "");
  if (base_url !== undefined) findings.take(endpoint, "the provider's address");
  return {
    name: known.name,
    settings: { preset: "bedrock", region, ...(base_url === undefined ? {} : { base_url }) },
    key: bedrockKey(connecting),
    upstream: isRegional ? rest.join("/") : model,
  };
}

const OTHER_ACCOUNTS = ["aws_role_name", "aws_profile_name", "aws_web_identity_token"];

/** An API key of Bedrock, or an access key as the JSON that AWS's programs write. */
function bedrockKey(connecting: Connecting): Key | undefined {
  const { params, variables, findings, modelSetting } = connecting;
  const apiKey = fieldOf(params, "api_key");
  if (apiKey !== undefined) return keyFor(connecting, apiKey);
  const fields = {
    access_key_id: fieldOf(params, "aws_access_key_id"),
    secret_access_key: fieldOf(params, "aws_secret_access_key"),
    session_token: fieldOf(params, "aws_session_token"),
  };
  const said = readParts(fields, connecting);
  if (said !== undefined) return said;
  // Keys of the environment are for another account, or for taking on a role.
  const isElsewhere = OTHER_ACCOUNTS.some((name) => fieldOf(params, name) !== undefined);
  if (fields.access_key_id !== undefined || isElsewhere) return undefined;
  const bearer = variables.firstOf(["AWS_BEARER_TOKEN_BEDROCK"]);
  if (bearer.secret !== undefined) return { secret: bearer.secret, variable: bearer.variable };
  const [id, secret, token] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
  ].map((name) => variables.valueOf(name));
  if (id !== undefined && secret !== undefined) {
    return { secret: accessKey(id, secret, token), variable: "AWS_ACCESS_KEY_ID" };
  }
  findings.refuse(
    modelSetting,
    "no access key is given and AWS_ACCESS_KEY_ID is not set: the provider is made without a credential. Add one with: baseload provider credential add",
  );
  return undefined;
}

function readParts(
  fields: Readonly<
    Record<"access_key_id" | "secret_access_key" | "session_token", Setting | undefined>
  >,
  { variables, findings }: Connecting,
): Key | undefined {
  const read = (setting: Setting | undefined) =>
    setting === undefined ? undefined : noteKey(variables.secret(setting), setting, findings);
  const [id, secret, token] = [
    read(fields.access_key_id),
    read(fields.secret_access_key),
    read(fields.session_token),
  ];
  if (id === undefined || secret === undefined) return undefined;
  const whole = accessKey(id.secret.reveal(), secret.secret.reveal(), token?.secret.reveal());
  return { secret: whole, variable: id.variable };
}

const accessKey = (id: string, secret: string, token: string | undefined): Secret =>
  new Secret(
    JSON.stringify({
      access_key_id: id,
      secret_access_key: secret,
      ...(token === undefined ? {} : { session_token: token }),
    }),
  );

/** LiteLLM's default. */
const VERTEX_LOCATION_DEFAULT = "us-central1";
const VERTEX_HOST = "aiplatform.googleapis.com";
const PROJECT = /^[a-z0-9:.-]{1,100}$/;

export function connectVertex(connecting: Connecting): Connection | undefined {
  const { known, params, variables, findings, modelSetting, model } = connecting;
  if (!/^gem(ini|ma)-/.test(model)) {
    findings.refuse(
      modelSetting,
      "only Gemini can be reached at Vertex; other makers' models there cannot",
    );
    return undefined;
  }
  const key = vertexKey(connecting);
  const projectSetting = fieldOf(params, "vertex_project") ?? fieldOf(params, "vertex_ai_project");
  const locationSetting =
    fieldOf(params, "vertex_location") ?? fieldOf(params, "vertex_ai_location");
  const saidProject = readSaid(projectSetting, connecting);
  const saidLocation = readSaid(locationSetting, connecting);
  if (saidProject === undefined || saidLocation === undefined) return undefined;
  const project = saidProject.text ?? variables.valueOf("VERTEXAI_PROJECT") ?? projectIn(key);
  const location =
    saidLocation.text ?? variables.valueOf("VERTEXAI_LOCATION") ?? VERTEX_LOCATION_DEFAULT;
  if (project === undefined || !PROJECT.test(project) || !/^[a-z0-9-]{1,60}$/.test(location)) {
    findings.refuse(
      projectSetting ?? modelSetting,
      "vertex_project is missing, and no credential tells it",
    );
    return undefined;
  }
  findings.take(projectSetting, `the project ${project}`);
  findings.take(locationSetting, `the region ${location}`);
  regionIn(connecting);
  const host = location === "global" ? VERTEX_HOST : `${location}-${VERTEX_HOST}`;
  return {
    name: known.name,
    settings: {
      preset: "vertex",
      region: location,
      base_url: `https://${host}/v1beta1/projects/${project}/locations/${location}/publishers/google`,
    },
    key,
    upstream: model,
  };
}

/** The JSON file of a service account: in the setting, in a variable, or at the path that either names. */
function vertexKey({
  params,
  variables,
  file,
  findings,
  modelSetting,
}: Connecting): Key | undefined {
  const setting = fieldOf(params, "vertex_credentials");
  const said =
    setting === undefined
      ? variables.firstOf(["GOOGLE_APPLICATION_CREDENTIALS"])
      : variables.secret(setting);
  const text = said.secret?.reveal();
  const given = text === undefined || text.trimStart().startsWith("{") ? text : file(text);
  // A file that is named by mistake is sent nowhere.
  const account = given !== undefined && isServiceAccount(given) ? given : undefined;
  const variable = said.variable ?? (text === given ? undefined : "vertex_credentials");
  if (account === undefined) {
    findings.refuse(
      setting ?? modelSetting,
      "no service account can be read: the provider is made without a credential. Add its JSON file with: baseload provider credential add",
    );
    return undefined;
  }
  findings.take(setting, "a credential, the file of a service account");
  return { secret: new Secret(account), variable };
}

const isServiceAccount = (text: string): boolean => {
  const { client_email, private_key } = fieldsIn(text);
  return typeof client_email === "string" && typeof private_key === "string";
};

function projectIn(key: Key | undefined): string | undefined {
  const { project_id } = fieldsIn(key?.secret.reveal() ?? "");
  return typeof project_id === "string" ? project_id : undefined;
}

function fieldsIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
