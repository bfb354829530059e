/** What becomes of each setting, collected while the configuration is read. */
import { partsOf, type Setting } from "./config-tree.ts";

/**
 * `taken`: Baseload does the same from now on. `ignored`: nothing is lost, because Baseload does it without being told,
 * or the setting says nothing. `refused`: something is lost, and the operator has to decide.
 */
export type Fate = "taken" | "ignored" | "refused";

export type Finding = {
  readonly line: number;
  /** `model_list.0.litellm_params.model` */
  readonly setting: string;
  readonly fate: Fate;
  /** Never holds the value of a secret. */
  readonly why: string;
};

type Noted = Pick<Finding, "fate" | "why">;

/** Said of every setting that nothing in the code has looked at, so that none vanishes. */
const UNKNOWN = "is not known here";

export class Findings {
  readonly #noted = new Map<Setting, Noted>();

  /** Also of all that stands below it. */
  take = (setting: Setting | undefined, why: string): void => this.#note(setting, "taken", why);
  ignore = (setting: Setting | undefined, why: string): void => this.#note(setting, "ignored", why);
  refuse = (setting: Setting | undefined, why: string): void => this.#note(setting, "refused", why);

  #note(setting: Setting | undefined, fate: Fate, why: string): void {
    if (setting === undefined) return;
    // What was refused once stays refused, whoever else looks at it.
    if (this.#noted.get(setting)?.fate !== "refused") this.#noted.set(setting, { fate, why });
  }

  isNoted(setting: Setting): boolean {
    return this.#noted.has(setting);
  }

  isRefusedBelow(setting: Setting): boolean {
    const isRefused = this.#noted.get(setting)?.fate === "refused";
    return isRefused || partsOf(setting).some((part) => this.isRefusedBelow(part));
  }

  /** One for each setting, in the order of the lines; what was noted as a whole is one. */
  list(root: Setting): Finding[] {
    return this.#below(root, undefined).toSorted((a, b) => a.line - b.line);
  }

  #below(setting: Setting, above: Setting | undefined): Finding[] {
    const noted = this.#noted.get(setting);
    const parts = partsOf(setting);
    if (noted !== undefined || parts.length === 0) {
      return [toFinding(setting, noted ?? { fate: "refused", why: UNKNOWN })];
    }
    // A field that nobody knows is told with its name, not once for every leaf below it.
    const isUnknown = above !== undefined && !this.isNotedBelow(setting);
    if (isUnknown) return [toFinding(setting, { fate: "refused", why: UNKNOWN })];
    return parts.flatMap((part) => this.#below(part, setting));
  }

  isNotedBelow(setting: Setting): boolean {
    return this.#noted.has(setting) || partsOf(setting).some((part) => this.isNotedBelow(part));
  }
}

const toFinding = ({ line, path }: Setting, noted: Noted): Finding => ({
  line,
  setting: path.join("."),
  ...noted,
});
