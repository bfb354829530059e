import * as contract from "../../contract/models.ts";
import * as catalog from "../../domains/catalog/index.ts";
import { type Route, route } from "../route.ts";
import { toPageBody, toTime, toTimeOrNull } from "../to-wire.ts";
import { readTerms, toPriceWire } from "./price-wire.ts";

export const modelRoutes: readonly Route[] = [
  route(contract.createModel, async (control, { body, actor }) => {
    const model = await catalog.createModel(control.database, {
      name: body.name,
      provider: body.provider,
      upstream: body.upstream,
      contextTokens: body.context_tokens,
      maxOutputTokens: body.max_output_tokens,
      capabilities: body.capabilities,
      modalities: body.modalities,
      license: body.license,
      terms: readTerms(body),
      actor,
    });
    return toWire(model);
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
