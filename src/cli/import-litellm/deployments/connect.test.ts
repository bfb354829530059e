/** What must not happen to keys: that they go elsewhere than the configuration says, or that anybody sees them. */
import { describe, expect, test } from "bun:test";
import { stringify } from "yaml";
import { toReport } from "../report.ts";
import { translate } from "../translate.ts";

const KEY = "sk-test-0011223344";
const variables: Readonly<Record<string, string>> = {
  SOME_KEY: KEY,
  AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
  AWS_SECRET_ACCESS_KEY: "aws-secret-example",
  OPENAI_API_KEY: "sk-usual-5566",
};

function importOne(params: Record<string, unknown>, more: Record<string, unknown> = {}) {
  const config = { ...more, model_list: [{ model_name: "m", litellm_params: params }] };
  const translation = translate(stringify(config), "config.yaml", {
    variable: (name) => variables[name],
    file: () => "root:x:0:0:",
  });
  const { json, text } = toReport("config.yaml", translation, undefined);
  return { ...translation, shown: `${JSON.stringify(json)}${text}` };
}

const providerIn = ({ steps }: ReturnType<typeof importOne>) =>
  steps.find((step) => step.kind === "provider");
const keysIn = ({ steps }: ReturnType<typeof importOne>) =>
  steps.flatMap((step) => (step.kind === "credential" ? [step.secret.reveal()] : []));

describe("a key goes nowhere else", () => {
  const cases: readonly [what: string, params: Record<string, unknown>][] = [
    [
      "an address in a variable that is not set",
      { model: "openai/gpt-4o", api_base: "os.environ/NOT_SET" },
    ],
    ["an address that is none", { model: "openai/gpt-4o", api_base: "not an address" }],
    ["an address that is no http", { model: "openai/gpt-4o", api_base: "file:///etc/passwd" }],
    [
      "an address with a password",
      { model: "openai/gpt-4o", api_base: "https://me:hunter2secret@x.example/v1" },
    ],
    [
      "an address with a query",
      { model: "openai/gpt-4o", api_base: "https://x.example/v1?key=hunter2secret" },
    ],
    [
      "a named credential that is not there",
      { model: "openai/gpt-4o", litellm_credential_name: "nobody" },
    ],
    [
      "a region in a variable that is not set",
      { model: "bedrock/x", aws_region_name: "os.environ/NOT_SET" },
    ],
    [
      "a project in a variable that is not set",
      { model: "vertex_ai/gemini-2.5-pro", vertex_project: "os.environ/NOT_SET" },
    ],
  ];
  for (const [what, params] of cases) {
    test(`than to ${what}: the deployment is refused`, () => {
      const done = importOne({ ...params, api_key: "os.environ/SOME_KEY" });

      expect(done.steps).toEqual([]);
      expect(done.findings.some(({ fate }) => fate === "refused")).toBe(true);
      expect(done.shown).not.toContain("hunter2secret");
      expect(done.shown).not.toContain(KEY);
    });
  }

  test("where a key is named that is not set, the usual one does not take its place", () => {
    const done = importOne({ model: "openai/gpt-4o", api_key: "os.environ/NOT_SET" });

    expect(keysIn(done)).toEqual([]);
    expect(done.shown).toContain("NOT_SET is not set");
  });

  test("where a role is to be taken on, the keys of this shell do not take its place", () => {
    const role = { aws_region_name: "eu-central-1", aws_role_name: "arn:aws:iam::1:role/r" };

    expect(keysIn(importOne({ model: "bedrock/anthropic.claude", ...role }))).toEqual([]);
    expect(
      keysIn(importOne({ model: "bedrock/anthropic.claude", aws_region_name: "eu-central-1" })),
    ).toEqual([`{"access_key_id":"AKIDEXAMPLE","secret_access_key":"aws-secret-example"}`]);
  });

  test("a file that is no service account is not read as one", () => {
    const done = importOne({
      ...{ model: "vertex_ai/gemini-2.5-pro", vertex_project: "acme" },
      vertex_credentials: "/etc/passwd",
    });

    expect(keysIn(done)).toEqual([]);
    expect(done.shown).not.toContain("root:x");
  });

  test("the usual key is used where none is named, and the report says so", () => {
    const done = importOne({ model: "gpt-4o" });

    expect(keysIn(done)).toEqual(["sk-usual-5566"]);
    expect(done.shown).toContain("with the credential in OPENAI_API_KEY");
  });
});

describe("where a deployment is called", () => {
  const key = { api_key: "os.environ/SOME_KEY" };
  const cases: readonly [what: string, params: Record<string, unknown>, settings: object][] = [
    ["a preset", { model: "groq/llama" }, { preset: "groq" }],
    [
      "a server of one's own",
      { model: "openai/llama", api_base: "http://gpu-box:8000/v1/" },
      { dialect: "openai-chat", base_url: "http://gpu-box:8000/v1", allow_private: true },
    ],
    [
      "Anthropic's, with what LiteLLM puts behind it",
      { model: "anthropic/claude", api_base: "https://proxy.example.com" },
      { preset: "anthropic", base_url: "https://proxy.example.com/v1" },
    ],
    [
      "Azure with a dated API",
      { model: "azure/my-gpt", api_base: "https://a.openai.azure.com/", api_version: "2025-01-01" },
      {
        ...{ preset: "azure-openai-dated", base_url: "https://a.openai.azure.com/openai" },
        quirks: { query: { "api-version": "2025-01-01" } },
      },
    ],
    [
      "Azure without dates",
      { model: "azure/my-gpt", api_base: "https://a.openai.azure.com/openai/v1/" },
      { preset: "azure-openai", base_url: "https://a.openai.azure.com/openai/v1" },
    ],
    [
      "Claude at Foundry",
      { model: "azure_ai/claude-sonnet-4-5", api_base: "https://a.services.ai.azure.com" },
      { dialect: "anthropic-messages", base_url: "https://a.services.ai.azure.com/anthropic/v1" },
    ],
    [
      "another provider's host of OpenAI's chat",
      { model: "my-model", custom_llm_provider: "cerebras" },
      { dialect: "openai-chat", base_url: "https://api.cerebras.ai/v1" },
    ],
    [
      "Bedrock in the region before the model",
      { model: "bedrock/us-east-1/amazon.nova-pro-v1:0" },
      { preset: "bedrock", region: "us-east-1" },
    ],
  ];
  for (const [what, params, settings] of cases) {
    test(what, () => {
      expect(providerIn(importOne({ ...params, ...key }))?.settings).toEqual(settings);
    });
  }
});
