import * as contract from "../../contract/models.ts";
import * as catalog from "../../domains/catalog/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { Control } from "../control.ts";
import { findKnownPrice } from "../find-known-price.ts";
import { type Route, route } from "../route.ts";
import { toPageBody, toTime, toTimeOrNull } from "../to-wire.ts";
import { type GivenPrice, namesStandard, readTerms, toPriceWire } from "./price-wire.ts";

export const modelRoutes: readonly Route[] = [
  route(contract.createModel, async (control, { body, actor }) => {
    const priced = await readPrice(control, body);
    const model = await catalog.createModel(control.database, {
      name: body.name,
      provider: body.provider,
      upstream: body.upstream,
      contextTokens: body.context_tokens ?? priced.known?.contextTokens,
      maxOutputTokens: body.max_output_tokens,
      capabilities: body.capabilities,
      modalities: body.modalities,
      license: body.license,
      terms: priced.terms,
      versions: priced.versions,
      actor,
    });
    return { ...toWire(model), notes: [...(priced.known?.notes ?? [])] };
  }),
  route(contract.addDeployment, async (control, { params, body, actor }) =>
    toWire(
      await catalog.addDeployment(control.database, {
        model: params.name,
        provider: body.provider,
        upstream: body.upstream,
        actor,
      }),
    ),
  ),
  route(contract.setModel, async (control, { params, body, actor }) =>
    toWire(
      await catalog.describeModel(control.database, {
        name: params.name,
        contextTokens: body.context_tokens,
        maxOutputTokens: body.max_output_tokens,
        capabilities: body.capabilities,
        modalities: body.modalities,
        license: body.license,
        actor,
      }),
    ),
  ),
  route(contract.listModels, async (control, { query }) =>
    toPageBody(await catalog.listModels(control.database, query), toWire),
  ),
  route(contract.removeModel, async (control, { params, actor }) =>
    toWire(await catalog.removeModel(control.database, { name: params.name, actor })),
  ),
];

type Priced = {
  terms?: catalog.PriceTerms;
  versions?: catalog.NewVersion[];
  known?: catalog.KnownModel;
};

/** An operator's word comes first; where there is none, what the list knows, with the tiers given beside it. */
async function readPrice(
  control: Control,
  body: GivenPrice & {
    name: string;
    provider: string;
    upstream?: string | undefined;
    listed_as?: string | undefined;
    without_price?: boolean | undefined;
  },
): Promise<Priced> {
  const terms = readTerms(body);
  const isOwn = terms !== undefined && namesStandard(terms);
  if (isOwn && body.without_price !== true) return { terms };
  if (body.without_price === true) {
    if (terms === undefined) return {};
    throw new Failure("invalid", "Give a price, or none: not both.", {
      param: "without_price",
      code: "invalid_field",
    });
  }
  const known = await findKnownPrice(control, {
    provider: body.provider,
    upstream: body.listed_as ?? body.upstream ?? body.name,
    command: `baseload model add ${body.name} --provider ${body.provider}`,
  });
  const versions = catalog.toVersions(known);
  const serviceTiers = terms?.serviceTiers;
  if (serviceTiers === undefined) return { known, versions };
  const beside = versions.map((version) => ({
    ...version,
    terms: { ...version.terms, serviceTiers },
  }));
  return { known, versions: beside };
}

const toWire = (model: catalog.ModelRecord): contract.Model => ({
  id: String(model.modelId),
  name: model.name,
  context_tokens: model.contextTokens,
  max_output_tokens: model.maxOutputTokens,
  capabilities: model.capabilities,
  modalities: model.modalities,
  license: model.license,
  price: model.price === null ? null : toPriceWire(model.price),
  deployments: model.deployments.map((deployment) => ({
    id: String(deployment.deploymentId),
    provider: deployment.provider,
    upstream_model: deployment.upstreamModel,
  })),
  created_at: toTime(model.createdAt),
  removed_at: toTimeOrNull(model.removedAt),
});
