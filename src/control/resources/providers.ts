import type { OperationRequest } from "../../contract/operation.ts";
import * as contract from "../../contract/providers.ts";
import * as catalog from "../../domains/catalog/index.ts";
import { Failure } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { addressesOf } from "../../providers/endpoint.ts";
import type { KnownProvider } from "../../providers/known-providers/known-provider.ts";
import {
  type Connection,
  connectionTo,
  findKnownProvider,
  knownProviders,
} from "../../providers/known-providers/known-providers.ts";
import { type Quirks, quirksSchema } from "../../providers/upstream.ts";
import { assertUrlAllowed } from "../../providers/url-guard.ts";
import { readPart } from "../read-input.ts";
import { type Route, route } from "../route.ts";
import { testUpstream } from "../test-upstream.ts";
import { toPageBody, toTime, toTimeOrNull } from "../to-wire.ts";

export const providerRoutes: readonly Route[] = [
  route(contract.createProvider, async (control, { body, actor }) => {
    const connection = readConnection(body);
    await assertAddressesAllowed(connection, body.allow_private);
    const provider = await catalog.createProvider(control.database, {
      ...connection,
      name: body.name,
      credential: body.api_key,
      allowPrivate: body.allow_private,
      replace: body.replace,
      sealKey: control.sealKey,
      actor,
    });
    return toWire(provider);
  }),
  route(contract.listProviders, async (control, { query }) =>
    toPageBody(await catalog.listProviders(control.database, query), toWire),
  ),
  route(contract.removeProvider, async (control, { params, actor }) =>
    toWire(await catalog.removeProvider(control.database, { name: params.name, actor })),
  ),
  route(contract.testProvider, async (control, { params, body, signal }) => {
    const provider = await catalog.readProvider(control.database, {
      name: params.name,
      sealKey: control.sealKey,
    });
    const credential = pickCredential(provider, body.credential);
    const test = await testUpstream(provider, { credential, clock: control.clock, signal });
    return { name: provider.name, ...test };
  }),
  route(contract.listPresets, async () => ({ data: knownProviders.map(toPresetWire) })),
  route(contract.addCredential, async (control, { params, body, actor }) =>
    toCredentialWire(
      await catalog.addCredential(control.database, {
        provider: params.name,
        name: body.name,
        value: body.api_key,
        weight: body.weight,
        sealKey: control.sealKey,
        actor,
      }),
    ),
  ),
  route(contract.listCredentials, async (control, { params }) => ({
    data: (await catalog.listCredentials(control.database, params.name)).map(toCredentialWire),
  })),
  route(contract.removeCredential, async (control, { params, actor }) =>
    toCredentialWire(
      await catalog.removeCredential(control.database, {
        provider: params.name,
        name: params.credential,
        actor,
      }),
    ),
  ),
];

type NewProvider = OperationRequest<typeof contract.createProvider>["body"];

/** What is left out is taken from the table of known providers. */
function readConnection(body: NewProvider): Connection {
  const { name, preset, dialect, base_url: baseUrl, region, api_key: credential } = body;
  const quirks = readPart(quirksSchema, body.quirks, "quirks");
  if (preset === undefined && baseUrl !== undefined) {
    return { dialect: dialect ?? "openai-chat", baseUrl, region, quirks };
  }
  const known = findKnownProvider(preset ?? name);
  if (dialect !== undefined && dialect !== known.dialect) {
    throw new Failure(
      "invalid",
      `'${known.name}' is connected in the dialect '${known.dialect}'. Leave --dialect out, or say --base-url, too.`,
      { param: "dialect", code: "dialect_of_preset" },
    );
  }
  return connectionTo(known, { region, baseUrl, credential, quirks });
}

function pickCredential(
  provider: catalog.Provider,
  name: string | undefined,
): catalog.Credential | undefined {
  if (name === undefined) return provider.credentials[0];
  const found = provider.credentials.find((credential) => credential.name === name);
  if (found !== undefined) return found;
  const names = provider.credentials.map((credential) => credential.name);
  throw new Failure(
    "not_found",
    `The provider '${provider.name}' has no credential '${name}'.${didYouMean(name, names)}`,
    { param: "credential", code: "credential_not_found" },
  );
}

/** Quirks name addresses, too. */
async function assertAddressesAllowed(
  provider: { baseUrl: string; quirks: Quirks },
  allowPrivate: boolean,
): Promise<void> {
  for (const { url, param } of addressesOf(provider)) {
    await assertUrlAllowed(url, { allowPrivate, param });
  }
}

const toWire = (provider: catalog.ProviderRecord): contract.Provider => ({
  id: String(provider.providerId),
  name: provider.name,
  dialect: provider.dialect,
  base_url: provider.baseUrl,
  region: provider.region,
  has_credential: provider.credentials.length > 0,
  credentials: provider.credentials,
  allow_private: provider.allowPrivate,
  quirks: provider.quirks,
  created_at: toTime(provider.createdAt),
  removed_at: toTimeOrNull(provider.removedAt),
});

const toCredentialWire = (credential: catalog.CredentialRecord): contract.ProviderCredential => ({
  id: String(credential.credentialId),
  name: credential.name,
  weight: credential.weight,
  created_at: toTime(credential.createdAt),
  removed_at: toTimeOrNull(credential.removedAt),
});

const toPresetWire = (known: KnownProvider): contract.ProviderPreset => ({
  name: known.name,
  title: known.title,
  dialect: known.dialect,
  regions: known.endpoints.map(({ region, url }) => ({ region, base_url: url })),
  key_variable: known.keyVariable,
  operations: [...known.operations],
  quirks: known.quirks,
  prices: known.prices,
  docs: known.docs,
});
