/** A name → the model that is served under it. */
import { nearestModels } from "../../domains/catalog/index.ts";
import type { Route } from "../../domains/routing/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { Gateway } from "../gateway.ts";
import type { ServedModel } from "./candidate.ts";

/** The output limit of a model whose own limit nobody has entered. */
export const OUTPUT_TOKENS_UNKNOWN = 4_096;

export type Called = { route: Route | undefined; model: ServedModel | undefined };

/** A route comes before a model of the same name. */
export async function findCalled(gateway: Gateway, name: string): Promise<Called> {
  const { snapshot } = gateway;
  const look = (): Called => ({
    route: snapshot.routes.get(name),
    model: snapshot.models.get(name),
  });
  const isThere = () => snapshot.routes.has(name) || snapshot.models.has(name);
  if (!isThere()) await snapshot.lookAgain(isThere);
  if (!isThere()) throw unknownModel(gateway, name);
  return look();
}

function unknownModel(gateway: Gateway, name: string): Failure {
  const near = nearestModels(name, [
    ...gateway.snapshot.models.keys(),
    ...gateway.snapshot.routes.keys(),
  ]);
  const hint =
    near.length === 0 ? "GET /v1/models lists them." : `Did you mean ${near.join(" or ")}?`;
  return new Failure("not_found", `The model '${name}' does not exist here. ${hint}`, {
    code: "model_not_found",
    param: "model",
  });
}
