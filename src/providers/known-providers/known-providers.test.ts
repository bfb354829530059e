import { describe, expect, test } from "bun:test";
import { Failure } from "../../lib/errors.ts";
import {
  connectionTo,
  findKnownProvider,
  knownAt,
  knownProviders,
  type Said,
} from "./known-providers.ts";

const connect = (name: string, said: Said = {}) => connectionTo(findKnownProvider(name), said);

function refusalOf(name: string, said: Said = {}): Failure {
  try {
    connect(name, said);
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error("was connected");
}

const account = JSON.stringify({
  client_email: "a@b.example.com",
  private_key: "-----BEGIN PRIVATE KEY-----",
  project_id: "acme-prod",
});

describe("a known provider", () => {
  test("is connected where its first address is, unless another region is asked for", () => {
    expect(connect("openai")).toMatchObject({
      dialect: "openai-chat",
      baseUrl: "https://api.openai.com/v1",
      region: "global",
    });
    expect(connect("openai", { region: "eu" })).toMatchObject({
      baseUrl: "https://eu.api.openai.com/v1",
      region: "eu",
    });
    expect(connect("alibaba", { region: "cn-beijing" })).toMatchObject({
      baseUrl: "https://dashscope.aliyuncs.com/compatible-mode/v1",
      quirks: {
        dialect_urls: { "anthropic-messages": "https://dashscope.aliyuncs.com/apps/anthropic/v1" },
        endpoint_urls: { rerank: "https://dashscope.aliyuncs.com/compatible-api/v1" },
      },
    });
  });

  test("that has addresses in every region takes any, and signs for it", () => {
    expect(connect("bedrock", { region: "eu-central-1" })).toMatchObject({
      baseUrl: "https://bedrock-runtime.eu-central-1.amazonaws.com",
      region: "eu-central-1",
      quirks: {
        cloud_region: "eu-central-1",
        endpoint_urls: { models: "https://bedrock.eu-central-1.amazonaws.com" },
      },
    });
    expect(refusalOf("bedrock").param).toBe("region");
    expect(refusalOf("bedrock", { baseUrl: "https://vpce.example.com" }).param).toBe("region");
    for (const region of ["eu/../x", "a.b", "EU", "eu central", "-eu", ""]) {
      expect(refusalOf("bedrock", { region }).code).toBe("unknown_region");
    }
  });

  test("of a service account lies in the account's project", () => {
    expect(connect("vertex", { region: "europe-west4", credential: account }).baseUrl).toBe(
      "https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/acme-prod/locations/europe-west4/publishers/google",
    );
    expect(connect("vertex", { credential: account }).baseUrl).toContain("/locations/global/");
    expect(refusalOf("vertex", { credential: "AIzaPlain" }).param).toBe("api_key");
    const sly = account.replace("acme-prod", "../../x");
    expect(refusalOf("vertex", { credential: sly }).param).toBe("api_key");
  });

  test("whose address only the operator knows says how it looks", () => {
    const refused = refusalOf("azure-openai");
    expect(refused.param).toBe("base_url");
    expect(refused.message).toContain("https://{resource}.openai.azure.com/openai/v1");
    const baseUrl = "https://acme.openai.azure.com/openai/v1";
    expect(connect("azure-openai", { baseUrl, region: "eu-sweden" })).toMatchObject({
      baseUrl,
      region: "eu-sweden",
      quirks: { auth: "api-key" },
    });
  });

  test("has the quirks that the operator adds, too", () => {
    const { quirks } = connect("groq", {
      quirks: { choices_max: 2, headers: { "x-a": "1" } },
    });
    expect(quirks).toMatchObject({
      choices_max: 2,
      headers: { "x-a": "1" },
      output_limit_field: "max_completion_tokens",
    });
  });

  test("that is misspelt, or has no such region, is answered with what is near", () => {
    expect(() => findKnownProvider("opnai")).toThrow("Did you mean 'openai'?");
    const refused = refusalOf("alibaba", { region: "cn-bejing" });
    expect(refused.message).toContain("Did you mean 'cn-beijing'?");
    expect(refused.message).toContain("us-east-1");
  });

  test("is recognized by its address, in each of its regions", () => {
    let seen = 0;
    for (const known of knownProviders) {
      for (const endpoint of known.endpoints) {
        const url = endpoint.url.replaceAll(/\{(region|project|resource)\}/g, "some-thing1");
        expect(knownAt(url)?.known.endpoints).toContain(endpoint);
        seen += 1;
      }
    }
    expect(seen).toBeGreaterThan(30);
    expect(knownAt("https://api.openai.com.example.com/v1")).toBeUndefined();
    expect(knownAt("https://evil.example/https://api.openai.com/v1")).toBeUndefined();
    expect(knownAt("https://api.z.ai/api/paas/v4")?.endpoint.prices).toBe("zai");
  });
});
