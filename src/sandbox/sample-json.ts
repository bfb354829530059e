/**
 * A value that a JSON schema accepts, always the same one: the answer of a simulated model that is asked for
 * structured output or calls a tool. Knows what structured outputs allow, not all of JSON Schema.
 * https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
 */
export function sampleJson(schema: unknown): unknown {
  return sample(schema, { root: schema, depth: 0 });
}

/** Schemas may refer to themselves; below this depth only empty values are written. */
const DEPTH_MAX = 8;

type Place = { root: unknown; depth: number };
type Schema = Record<string, unknown>;

function sample(value: unknown, place: Place): unknown {
  const schema = resolve(value, place);
  if ("const" in schema) return schema["const"];
  const chosen = firstOf(schema["enum"]);
  if (chosen !== undefined) return chosen;
  const alternative = firstOf(schema["anyOf"]) ?? firstOf(schema["oneOf"]);
  const deeper = { ...place, depth: place.depth + 1 };
  if (alternative !== undefined && place.depth < DEPTH_MAX) return sample(alternative, deeper);
  return sampleOfType(schema, deeper);
}

function sampleOfType(schema: Schema, place: Place): unknown {
  const type = Array.isArray(schema["type"]) ? schema["type"][0] : schema["type"];
  if (type === "string") return "text";
  if (type === "integer" || type === "number") return schema["minimum"] ?? 1;
  if (type === "boolean") return true;
  if (type === "null") return null;
  if (type === "array") return sampleArray(schema, place);
  return sampleObject(schema, place);
}

function sampleArray(schema: Schema, place: Place): unknown[] {
  if (place.depth >= DEPTH_MAX || schema["items"] === undefined) return [];
  const count = typeof schema["minItems"] === "number" ? Math.min(schema["minItems"], 100) : 1;
  return Array.from({ length: count }, () => sample(schema["items"], place));
}

function sampleObject(schema: Schema, place: Place): Record<string, unknown> {
  const properties = Object.entries(recordIn(schema["properties"]));
  if (place.depth >= DEPTH_MAX) return {};
  return Object.fromEntries(properties.map(([name, property]) => [name, sample(property, place)]));
}

/** Follows one `$ref` into the schema itself, such as `#/$defs/step` or `#`. */
function resolve(value: unknown, place: Place): Schema {
  const schema = recordIn(value);
  const reference = schema["$ref"];
  if (typeof reference !== "string" || !reference.startsWith("#")) return schema;
  const steps = reference.split("/").slice(1);
  return recordIn(steps.reduce<unknown>((at, step) => recordIn(at)[step], place.root));
}

function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : undefined;
}

function recordIn(value: unknown): Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Schema)
    : {};
}
