/**
 * Carries the steps out, one call of the control plane after the other. Each looks first at what is there: running it
 * again does what is missing and changes nothing else. A step that fails leaves out only what needs it.
 */
import { listLimits, setLimit } from "../../../contract/limits.ts";
import { addCredential, createProvider, listPresets } from "../../../contract/providers.ts";
import { setRoute } from "../../../contract/routes.ts";
import { Failure } from "../../../lib/errors.ts";
import type { ControlClient } from "../../control-client.ts";
import type { CredentialStep, LimitStep, ProviderStep, RouteStep, Step } from "../plan/steps.ts";
import { sayStep } from "../plan/steps.ts";
import { carryOutModel } from "./carry-out-model.ts";
import { type Current, readCurrent } from "./read-current.ts";
import { differenceOf, isSame } from "./same-settings.ts";

/** `incomplete`: done as far as it goes, and the operator has to do the rest. */
export type State = "done" | "unchanged" | "incomplete" | "failed" | "left out";

export type Outcome = {
  readonly line: number;
  readonly kind: Step["kind"];
  readonly step: string;
  readonly state: State;
  /** What was done, or what to do next. */
  readonly why: string;
};

export type Done = { readonly state: State; readonly why: string };

export async function carryOut(steps: readonly Step[], control: ControlClient): Promise<Outcome[]> {
  const current = await readCurrent(control);
  const worker = new Worker(control, current);
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    const done = await worker.do(step);
    outcomes.push({ line: step.line, kind: step.kind, step: sayStep(step), ...done });
  }
  return outcomes;
}

class Worker {
  readonly #control: ControlClient;
  readonly #current: Current;
  readonly #broken = new Set<string>();

  constructor(control: ControlClient, current: Current) {
    this.#control = control;
    this.#current = current;
  }

  async do(step: Step): Promise<Done> {
    const missing = this.#missingFor(step);
    const done =
      missing === undefined
        ? await this.#attempt(step)
        : { state: "left out" as const, why: `it needs the ${missing}` };
    const isThere = done.state !== "failed" && done.state !== "left out";
    if (!isThere && (step.kind === "provider" || step.kind === "model")) {
      this.#broken.add(`${step.kind} ${step.name}`);
    }
    return done;
  }

  #missingFor(step: Step): string | undefined {
    return neededBy(step).find((need) => this.#broken.has(need));
  }

  /** A refusal of one thing is told, and the others go on; without a control plane nothing can. */
  async #attempt(step: Step): Promise<Done> {
    try {
      return await this.#carryOut(step);
    } catch (error) {
      const isRefusal = error instanceof Failure && error.status < 500 && error.status !== 401;
      if (!isRefusal) throw error;
      return { state: "failed", why: error.message };
    }
  }

  #carryOut(step: Step): Promise<Done> {
    switch (step.kind) {
      case "provider":
        return this.#connect(step);
      case "credential":
        return this.#addCredential(step);
      case "model":
        return carryOutModel(step, this.#current.models.get(step.name), this.#control);
      case "limit":
        return this.#limit(step);
      case "route":
        return this.#route(step);
    }
  }

  async #connect({ name, settings }: ProviderStep): Promise<Done> {
    const there = this.#current.providers.get(name);
    if (there === undefined) {
      await this.#control.ask(createProvider, { body: { name, ...settings } });
      return { state: "done", why: "connected" };
    }
    const { data: presets } = await this.#control.ask(listPresets, {});
    const difference = differenceOf(there, settings, presets);
    if (difference === undefined) return { state: "unchanged", why: "is connected" };
    return {
      state: "failed",
      why: `there is another provider of this name: its ${difference} differs. Remove it, or set it right by hand, and run this again`,
    };
  }

  async #addCredential({ provider, name, weight, secret, all }: CredentialStep): Promise<Done> {
    const there = this.#current.providers.get(provider)?.credentials ?? [];
    if (there.includes(name))
      return { state: "unchanged", why: "is there; its value was not compared" };
    // Every model of the provider would be called with all of them.
    const stranger = there.find((one) => !all.includes(one));
    if (stranger !== undefined) {
      const why = `the provider has a credential '${stranger}' that is not in the configuration, and would use both. If that is meant: baseload provider credential add ${provider} ${name}`;
      return { state: "failed", why };
    }
    const body = { name, api_key: secret.reveal(), ...(weight === undefined ? {} : { weight }) };
    await this.#control.ask(addCredential, { params: { name: provider }, body });
    return { state: "done", why: "added" };
  }

  async #limit({ model, limits }: LimitStep): Promise<Done> {
    const { data } = await this.#control.ask(listLimits, { query: { scope: "model" } });
    const there = data.find(({ name }) => name === model);
    const entries = Object.entries(limits) as ["rpm" | "tpm" | "concurrency", number][];
    if (entries.every(([name, value]) => there?.[name] === value)) {
      return { state: "unchanged", why: "are set" };
    }
    await this.#control.ask(setLimit, { body: { model, ...limits } });
    return { state: "done", why: "set" };
  }

  async #route({ name, definition }: RouteStep): Promise<Done> {
    const there = this.#current.routes.get(name);
    if (isSame(there?.definition, definition)) return { state: "unchanged", why: "is in force" };
    const route = await this.#control.ask(setRoute, { params: { name }, body: { definition } });
    const undo =
      there === undefined ? "" : `; the one before comes back with: baseload route undo ${name}`;
    return { state: "done", why: `version ${route.version} is in force${undo}` };
  }
}

function neededBy(step: Step): string[] {
  switch (step.kind) {
    case "provider":
      return [];
    case "credential":
      return [`provider ${step.provider}`];
    case "model":
      return step.deployments.map(({ provider }) => `provider ${provider}`);
    case "limit":
      return [`model ${step.model}`];
    case "route":
      return step.definition.tiers.flatMap(({ targets }) =>
        targets.map(({ model }) => `model ${model}`),
      );
  }
}
