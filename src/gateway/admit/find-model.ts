/** A name → the model that is served under it. */
import { nearestModels } from "../../domains/catalog/index.ts";
import { Failure } from "../../lib/errors.ts";
import type { Gateway } from "../gateway.ts";
import type { ServedModel } from "./candidate.ts";

/** The output limit of a model whose own limit nobody has entered. */
export const OUTPUT_TOKENS_UNKNOWN = 4_096;

export async function findModel(gateway: Gateway, name: string): Promise<ServedModel> {
  const { snapshot } = gateway;
  if (!snapshot.models.has(name)) await snapshot.lookAgain(() => snapshot.models.has(name));
  const model = snapshot.models.get(name);
  if (model === undefined) throw unknownModel(gateway, name);
  return model;
}

export function unknownModel(gateway: Gateway, name: string): Failure {
  const near = nearestModels(name, gateway.snapshot.models.keys());
  const hint =
    near.length === 0 ? "GET /v1/models lists them." : `Did you mean ${near.join(" or ")}?`;
  return new Failure("not_found", `The model '${name}' does not exist here. ${hint}`, {
    code: "model_not_found",
    param: "model",
  });
}
