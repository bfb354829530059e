/** Compiled grammars, kept for the schemas that applications send again and again. */
import {
  type GbnfJsonSchema,
  type Llama,
  type LlamaGrammar,
  LlamaGrammarEvaluationState,
  type LlamaModel,
} from "node-llama-cpp";
import { Failure } from "../../lib/errors.ts";

/** The library infers the type of the answer from the schema, which is only known here at run time. */
type AnySchema = Parameters<Llama["createGrammarForJsonSchema"]>[0];

const GRAMMARS_MAX = 64;

export class Grammars {
  readonly #llama: Llama;
  readonly #model: LlamaModel;
  /** In the order of use; the first is forgotten first. */
  readonly #compiled = new Map<string, LlamaGrammar>();

  constructor(llama: Llama, model: LlamaModel) {
    this.#llama = llama;
    this.#model = model;
  }

  /** Returns how to start the grammar; it may be started more than once for one answer. */
  async prepare(schema: GbnfJsonSchema): Promise<() => LlamaGrammarEvaluationState> {
    const key = JSON.stringify(schema);
    const grammar = this.#compiled.get(key) ?? (await this.#compile(schema));
    this.#compiled.delete(key);
    this.#compiled.set(key, grammar);
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size > GRAMMARS_MAX && oldest !== undefined) this.#compiled.delete(oldest);
    return () => new LlamaGrammarEvaluationState({ model: this.#model, grammar });
  }

  async #compile(schema: GbnfJsonSchema): Promise<LlamaGrammar> {
    try {
      return await this.#llama.createGrammarForJsonSchema(schema as AnySchema);
    } catch (cause) {
      throw new Failure("invalid", "The schema is too complex to be enforced. Simplify it.", {
        code: "invalid_json_schema",
        cause,
      });
    }
  }
}
