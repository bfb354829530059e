/**
 * JSON Schema → the part of it that the grammar can enforce. Properties are always all written, which every
 * schema allows; unions of kinds become alternatives. A keyword that would have to be ignored is refused when
 * the caller asked for strictness, and passed over otherwise.
 * https://json-schema.org/draft/2020-12/json-schema-validation
 */
import type { GbnfJsonSchema } from "node-llama-cpp";
import { Failure } from "../../lib/errors.ts";

export type SchemaOptions = {
  /** The path of the schema in the request, for messages. */
  param: string;
  strict: boolean;
};

type Schema = Readonly<Record<string, unknown>>;

const DEPTH_MAX = 32;
const NODES_MAX = 2_000;
/** A grammar repeats a rule this often at most: more makes it larger than its use. */
const REPEATS_MAX = 1_000;

/** Keywords that say nothing about what is valid. */
const annotations = new Set([
  ...["$schema", "$id", "$comment", "$anchor", "title", "description", "default", "examples"],
  ...["deprecated", "readOnly", "writeOnly"],
]);
/** Keywords that the conversion below reads, whatever the type. */
const understood = new Set([
  ...["type", "properties", "required", "additionalProperties", "items", "prefixItems"],
  ...["minItems", "maxItems", "minLength", "maxLength", "format", "enum", "const"],
  ...["anyOf", "oneOf", "$ref", "$defs", "definitions", "minProperties", "maxProperties"],
]);
const formats = new Set(["date", "time", "date-time"]);

export const ANY_OBJECT: GbnfJsonSchema = { type: "object", additionalProperties: true };

/** The schema of a reply or of a function's arguments: always an object. */
export function toObjectGrammar(schema: Schema, options: SchemaOptions): GbnfJsonSchema {
  const type = schema["type"];
  const isObject = type === "object" || (type === undefined && "properties" in schema);
  if (!isObject && !("$ref" in schema) && !("anyOf" in schema) && !("oneOf" in schema)) {
    throw refusal(options, "the schema must describe an object at its root");
  }
  return new Conversion(schema, options).root();
}

class Conversion {
  readonly #options: SchemaOptions;
  readonly #schema: Schema;
  readonly #definitions: Schema;
  #nodes = 0;

  constructor(schema: Schema, options: SchemaOptions) {
    this.#schema = schema;
    this.#options = options;
    this.#definitions = {
      ...asSchema(schema["definitions"] ?? {}, options),
      ...asSchema(schema["$defs"] ?? {}, options),
    };
  }

  root(): GbnfJsonSchema {
    const root = this.#convert(this.#schema, 0);
    const names = Object.keys(this.#definitions);
    if (names.length === 0) return root;
    const defs = Object.fromEntries(
      names.map((name) => [
        name,
        this.#convert(asSchema(this.#definitions[name], this.#options), 1),
      ]),
    );
    return { ...root, $defs: defs } as GbnfJsonSchema;
  }

  #convert(schema: Schema, depth: number): GbnfJsonSchema {
    if (depth > DEPTH_MAX || ++this.#nodes > NODES_MAX) {
      throw refusal(this.#options, "the schema is too large or too deep");
    }
    this.#refuseUnknown(schema);
    if (schema["$ref"] !== undefined) return this.#reference(schema["$ref"]);
    if (schema["const"] !== undefined) return { const: asLiteral(schema["const"], this.#options) };
    if (schema["enum"] !== undefined) return this.#enumeration(schema["enum"]);
    const alternatives = schema["anyOf"] ?? schema["oneOf"];
    if (alternatives !== undefined) return this.#union(alternatives, depth);
    return this.#typed(schema, depth);
  }

  #refuseUnknown(schema: Schema): void {
    if (!this.#options.strict) return;
    for (const keyword of Object.keys(schema)) {
      if (annotations.has(keyword) || understood.has(keyword)) continue;
      throw refusal(this.#options, `the keyword '${keyword}' cannot be enforced; leave it out`);
    }
    const format = schema["format"];
    if (format !== undefined && !formats.has(String(format))) {
      throw refusal(
        this.#options,
        `the format '${String(format)}' cannot be enforced; leave it out`,
      );
    }
  }

  #reference(reference: unknown): GbnfJsonSchema {
    const name = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(String(reference))?.[1];
    if (name !== undefined && name in this.#definitions) {
      return { $ref: `#/$defs/${name}` } as GbnfJsonSchema;
    }
    throw refusal(this.#options, `'${String(reference)}' is not one of the schema's '$defs'`);
  }

  #enumeration(values: unknown): GbnfJsonSchema {
    if (!Array.isArray(values) || values.length === 0 || values.length > REPEATS_MAX) {
      throw refusal(this.#options, "'enum' must be a list of 1 to 1000 values");
    }
    return { enum: values.map((value) => asLiteral(value, this.#options)) };
  }

  #union(alternatives: unknown, depth: number): GbnfJsonSchema {
    if (!Array.isArray(alternatives) || alternatives.length === 0) {
      throw refusal(this.#options, "'anyOf' must be a list of schemas");
    }
    return {
      oneOf: alternatives.map((one) => this.#convert(asSchema(one, this.#options), depth + 1)),
    };
  }

  #typed(schema: Schema, depth: number): GbnfJsonSchema {
    const type = schema["type"] ?? this.#guessType(schema);
    if (Array.isArray(type)) {
      return { oneOf: type.map((one) => this.#typed({ ...schema, type: one }, depth)) };
    }
    switch (type) {
      case "object":
        return this.#object(schema, depth);
      case "array":
        return this.#array(schema, depth);
      case "string":
        return this.#string(schema);
      case "number":
      case "integer":
      case "boolean":
      case "null":
        return { type };
      case undefined:
        return anything;
      default:
        throw refusal(this.#options, `'${String(type)}' is not a type`);
    }
  }

  #guessType(schema: Schema): unknown {
    if ("properties" in schema || "additionalProperties" in schema) return "object";
    return "items" in schema || "prefixItems" in schema ? "array" : undefined;
  }

  #object(schema: Schema, depth: number): GbnfJsonSchema {
    const properties = asSchema(schema["properties"] ?? {}, this.#options);
    const more = schema["additionalProperties"];
    const bounds = this.#bounds(schema, "Properties");
    return {
      type: "object",
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, one]) => [
          name,
          this.#convert(asSchema(one, this.#options), depth + 1),
        ]),
      ),
      // A list of properties is complete, unless it says what else may come; an object without one is free.
      additionalProperties:
        typeof more === "object" && more !== null
          ? this.#convert(asSchema(more, this.#options), depth + 1)
          : more !== false && Object.keys(properties).length === 0,
      ...bounds,
    };
  }

  #array(schema: Schema, depth: number): GbnfJsonSchema {
    const items = schema["items"];
    const first = schema["prefixItems"];
    return {
      type: "array",
      items:
        items === undefined || items === true
          ? anything
          : this.#convert(asSchema(items, this.#options), depth + 1),
      ...(Array.isArray(first)
        ? {
            prefixItems: first.map((one) => this.#convert(asSchema(one, this.#options), depth + 1)),
          }
        : {}),
      ...this.#bounds(schema, "Items"),
    };
  }

  #string(schema: Schema): GbnfJsonSchema {
    const format = schema["format"];
    if (format === "date" || format === "time" || format === "date-time") {
      return { type: "string", format };
    }
    return { type: "string", ...this.#bounds(schema, "Length") };
  }

  #bounds(schema: Schema, what: "Items" | "Length" | "Properties"): Record<string, number> {
    const bounds: Record<string, number> = {};
    for (const keyword of [`min${what}`, `max${what}`]) {
      const value = schema[keyword];
      if (value === undefined) continue;
      if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
        throw refusal(this.#options, `'${keyword}' must be a whole number`);
      }
      if (value <= REPEATS_MAX) bounds[keyword] = value;
      else if (this.#options.strict) {
        throw refusal(this.#options, `'${keyword}' can be at most ${REPEATS_MAX}`);
      }
    }
    if ((bounds[`min${what}`] ?? 0) > (bounds[`max${what}`] ?? REPEATS_MAX)) {
      throw refusal(this.#options, `'min${what}' is larger than 'max${what}'`);
    }
    return bounds;
  }
}

/** Any JSON value, its lists and objects without a bound on their depth being of the grammar's own making. */
const anything: GbnfJsonSchema = {
  oneOf: [
    { type: ["string", "number", "boolean", "null"] },
    { type: "object", additionalProperties: true },
    { type: "array" },
  ],
};

function asSchema(value: unknown, options: SchemaOptions): Schema {
  if (value === true) return {};
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Schema;
  throw refusal(options, "a schema must be an object");
}

function asLiteral(value: unknown, options: SchemaOptions): string | number | boolean | null {
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) {
    return value as string | number | boolean | null;
  }
  throw refusal(options, "'const' and 'enum' can hold texts, numbers, booleans and null");
}

const refusal = (options: SchemaOptions, why: string): Failure =>
  new Failure("invalid", `'${options.param}': ${why}.`, {
    param: options.param,
    code: "invalid_json_schema",
  });
