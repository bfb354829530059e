/** `os.environ/NAME` in a configuration: looked up now, in its own `environment_variables` and then around the CLI. */
import { fieldOf, type MapSetting, type Setting, textOf } from "./config-tree.ts";
import type { Findings } from "./findings.ts";
import { Secret } from "./secret.ts";

export type LookUp = (name: string) => string | undefined;

const REFERENCE = /^os\.environ\/(.+)$/;
/** Names that every home has; the configuration's own word is then for LiteLLM's process alone. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export type SaidSecret = {
  readonly secret: Secret | undefined;
  /** Where it comes from; undefined: the configuration holds it. */
  readonly variable: string | undefined;
};

export class VariableBook {
  readonly #given: Setting | undefined;
  readonly #around: LookUp;
  readonly #used = new Set<string>();

  constructor(root: MapSetting, around: LookUp) {
    this.#given = fieldOf(root, "environment_variables");
    this.#around = around;
  }

  /** What LiteLLM's process would see. An empty variable is none. */
  valueOf(name: string): string | undefined {
    if (!NAME.test(name)) return undefined;
    const own = textOf(fieldOf(this.#given, name));
    if (own === undefined) return this.#around(name) || undefined;
    this.#used.add(name);
    const reference = REFERENCE.exec(own)?.[1];
    return reference === undefined ? own : this.#around(reference) || undefined;
  }

  /** A text that is no secret. */
  text(setting: Setting | undefined): string | undefined {
    const text = textOf(setting);
    const reference = variableIn(text);
    return reference === undefined ? text : this.valueOf(reference);
  }

  secret(setting: Setting): SaidSecret {
    const text = textOf(setting);
    const variable = variableIn(text);
    const value = variable === undefined ? text : this.valueOf(variable);
    return { secret: value === undefined ? undefined : new Secret(value), variable };
  }

  /** The first of LiteLLM's usual variables that is set. */
  firstOf(names: readonly string[]): SaidSecret {
    for (const variable of names) {
      const value = this.valueOf(variable);
      if (value !== undefined) return { secret: new Secret(value), variable };
    }
    return { secret: undefined, variable: names[0] };
  }

  /** Last of all: by then everything that refers to one has asked. */
  report(findings: Findings): void {
    if (this.#given?.kind !== "map") return;
    for (const [name, setting] of this.#given.fields) {
      if (this.#used.has(name)) findings.take(setting, `the value of ${name} above`);
      else
        findings.ignore(
          setting,
          "no setting here refers to it; Baseload's own are in docs/reference/configuration.md",
        );
    }
  }
}

export const variableIn = (text: string | undefined): string | undefined =>
  REFERENCE.exec(text ?? "")?.[1];
