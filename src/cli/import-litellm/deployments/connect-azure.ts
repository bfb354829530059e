/** Azure's two ways to a model: Azure OpenAI, and what is now Foundry. */
import { fieldOf } from "../config/config-tree.ts";
import type { ProviderSettings } from "../plan/steps.ts";
import {
  addressIn,
  type Connecting,
  type Connection,
  keyFor,
  needsPrivate,
  regionIn,
} from "./connection.ts";

/** What LiteLLM asks for when nobody says it. */
const AZURE_VERSION_DEFAULT = "2024-10-21";
const AZURE_AI_VERSION = "2024-05-01-preview";
/** The API without dates. */
const UNDATED = /^(v1|preview|latest)$/;

export function connectAzure(connecting: Connecting): Connection | undefined {
  const found = addressIn(connecting);
  if (found === undefined) return undefined;
  if (found.address === undefined) return refuseMissing(connecting);
  const { origin, pathname } = new URL(found.address);
  const version = versionIn(connecting);
  const isUndated = UNDATED.test(version) || pathname.endsWith("/openai/v1");
  return withKey(
    connecting,
    isUndated
      ? { preset: "azure-openai", base_url: `${origin}/openai/v1` }
      : {
          preset: "azure-openai-dated",
          base_url: `${origin}/openai`,
          quirks: { query: { "api-version": version } },
        },
  );
}

function versionIn({ params, variables, findings }: Connecting): string {
  const setting = fieldOf(params, "api_version");
  const version = variables.text(setting);
  if (version !== undefined) findings.take(setting, `Azure's API version ${version}`);
  return version ?? variables.valueOf("AZURE_API_VERSION") ?? AZURE_VERSION_DEFAULT;
}

export function connectAzureAi(connecting: Connecting): Connection | undefined {
  const found = addressIn(connecting);
  if (found === undefined) return undefined;
  if (found.address === undefined) return refuseMissing(connecting);
  const { origin, hostname, pathname } = new URL(found.address);
  if (connecting.model.startsWith("claude")) {
    const base_url = `${origin}/anthropic/v1`;
    return withKey(connecting, { dialect: "anthropic-messages", base_url });
  }
  if (/\/v1$/.test(pathname) || !hostname.endsWith("services.ai.azure.com")) {
    const base_url = pathname.endsWith("/v1") ? origin + pathname : `${origin}/v1`;
    return withKey(connecting, { dialect: "openai-chat", base_url, quirks: { auth: "api-key" } });
  }
  const version =
    connecting.variables.text(fieldOf(connecting.params, "api_version")) ?? AZURE_AI_VERSION;
  connecting.findings.take(fieldOf(connecting.params, "api_version"), `the API version ${version}`);
  return withKey(connecting, {
    dialect: "openai-chat",
    base_url: `${origin}/models`,
    quirks: { auth: "api-key", query: { "api-version": version } },
  });
}

function withKey(connecting: Connecting, settings: ProviderSettings): Connection {
  const { known, params, model } = connecting;
  const key = keyFor(connecting, fieldOf(params, "api_key"));
  const isPrivate = settings.base_url !== undefined && needsPrivate(settings.base_url);
  return {
    name: known.name,
    settings: {
      ...settings,
      ...regionIn(connecting),
      ...(isPrivate ? { allow_private: true } : {}),
    },
    key,
    upstream: model,
  };
}

function refuseMissing({ findings, modelSetting }: Connecting): undefined {
  findings.refuse(modelSetting, "an api_base is missing: the address of your resource at Azure");
  return undefined;
}
