/** A credential on its way from the configuration to the control plane: it prints as nothing. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  is(other: Secret): boolean {
    return this.#value === other.#value;
  }

  toJSON(): string {
    return "(secret)";
  }

  toString(): string {
    return "(secret)";
  }
}
