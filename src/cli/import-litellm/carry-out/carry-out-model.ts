/** A model, its deployments, what is known of it, and its price: what is missing is added. */
import { addDeployment, createModel, type Model, setModel } from "../../../contract/models.ts";
import { type Price, setPrice } from "../../../contract/prices.ts";
import { Failure } from "../../../lib/errors.ts";
import type { ControlClient } from "../../control-client.ts";
import type { DeploymentName, ModelStep } from "../plan/steps.ts";
import type { Done } from "./carry-out.ts";
import { isSamePrice } from "./same-price.ts";
import { isSame } from "./same-settings.ts";

export async function carryOutModel(
  step: ModelStep,
  there: Model | undefined,
  control: ControlClient,
): Promise<Done> {
  const did: string[] = [];
  const model = there ?? (await offer(step, control));
  if (there === undefined) did.push("offered");
  for (const one of step.deployments.filter((deployment) => !hasDeployment(model, deployment))) {
    const { provider, upstream } = one;
    await control.ask(addDeployment, { params: { name: step.name }, body: { provider, upstream } });
    if (there !== undefined) did.push(`served by ${provider}`);
  }
  if (there !== undefined && !hasFacts(there, step)) {
    await control.ask(setModel, { params: { name: step.name }, body: step.facts });
    did.push("described anew");
  }
  const price = there === undefined ? model.price : await keepPrice(step, there, control);
  if (there !== undefined && price?.id !== there.price?.id) did.push("priced");
  return sayDone(step, did, price);
}

function sayDone(step: ModelStep, did: readonly string[], price: Price | null): Done {
  const what = did.length === 0 ? "is offered" : did.join(", ");
  if (price === null) {
    return {
      state: "incomplete",
      why: `${what}; no price is known, so calls are refused until one is set: baseload price set ${step.name} --input-usd-per-mtok … --output-usd-per-mtok …`,
    };
  }
  const priced =
    did.includes("offered") && step.price === undefined ? `, at the price of ${price.source}` : "";
  return { state: did.length === 0 ? "unchanged" : "done", why: what + priced };
}

const hasDeployment = (model: Model, { provider, upstream }: DeploymentName): boolean =>
  model.deployments.some((one) => one.provider === provider && one.upstream_model === upstream);

const hasFacts = (model: Model, { facts }: ModelStep): boolean =>
  Object.entries(facts).every(([name, value]) => isSame(model[name as keyof Model], value));

/** With the price that is said; else with the first that the list knows of its deployments; else with none. */
async function offer(step: ModelStep, control: ControlClient): Promise<Model> {
  const { name, price, facts } = step;
  const [first] = step.deployments;
  if (first === undefined) throw new Failure("invalid", `${name} has no deployment.`);
  const { provider, upstream } = first;
  const body = { name, ...facts, provider, upstream };
  if (price !== undefined && price !== "unclear") {
    return await control.ask(createModel, { body: { ...body, ...price } });
  }
  for (const { listedAs, ...deployment } of price === "unclear" ? [] : step.deployments) {
    const listed = listedAs === undefined ? {} : { listed_as: listedAs };
    try {
      return await control.ask(createModel, { body: { ...body, ...deployment, ...listed } });
    } catch (error) {
      if (!isPriceUnknown(error)) throw error;
    }
  }
  return await control.ask(createModel, { body: { ...body, without_price: true } });
}

/** Only prices that differ are set: every one is a version. */
async function keepPrice(
  { name, price }: ModelStep,
  there: Model,
  control: ControlClient,
): Promise<Price | null> {
  if (price === "unclear") return there.price;
  if (price !== undefined) {
    if (there.price !== null && isSamePrice(there.price, price)) return there.price;
    return await control.ask(setPrice, { body: { model: name, ...price } });
  }
  if (there.price !== null) return there.price;
  try {
    return await control.ask(setPrice, { body: { model: name, from_list: true } });
  } catch (error) {
    if (isPriceUnknown(error)) return null;
    throw error;
  }
}

/** The field that the control plane names when its list has no price. */
const isPriceUnknown = (error: unknown): boolean =>
  error instanceof Failure && error.status === 400 && error.param === "input_usd_per_mtok";
