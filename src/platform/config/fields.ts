/** The fields of the configuration as a flat list, each with the names by which it can be set. */
import { z } from "zod";
import { ConfigSchema } from "./config.ts";

export type Field = {
  /** `["lease", "ttlMs"]` */
  path: readonly string[];
  /** `BASELOAD_LEASE_TTL_MS` */
  variable: string;
  /** `--lease-ttl-ms`; none for secrets, which everybody on the machine could read in the list of processes. */
  flag: string | undefined;
  description: string;
  isNumber: boolean;
  isSecret: boolean;
  /** As text; empty when the field must be given. */
  defaultText: string;
  /** What is accepted, as text. */
  accepts: string;
};

/** The title of each group of fields, by the first part of the path; the rest has none. */
export type Group = { name: string; title: string; fields: Field[] };

const JsonField = z.object({
  type: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  description: z.string(),
  default: z.unknown().optional(),
  defaultText: z.string().optional(),
  variable: z.string().optional(),
  secret: z.boolean().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  enum: z.array(z.string()).optional(),
});

export const configJsonSchema = (): Record<string, unknown> =>
  z.toJSONSchema(ConfigSchema, { io: "input" }) as Record<string, unknown>;

/** Fields without a group come first, under an empty name. */
export function readGroups(): Group[] {
  const { properties = {} } = z
    .object({ properties: z.record(z.string(), z.unknown()).optional() })
    .parse(configJsonSchema());
  const ungrouped: Group = { name: "", title: "Baseload", fields: [] };
  const groups: Group[] = [ungrouped];
  for (const [name, schema] of Object.entries(properties)) {
    const field = JsonField.parse(schema);
    if (field.properties === undefined) {
      ungrouped.fields.push(toField([name], field));
      continue;
    }
    const fields = Object.entries(field.properties).map(([inner, innerSchema]) =>
      toField([name, inner], JsonField.parse(innerSchema)),
    );
    groups.push({ name, title: field.description, fields });
  }
  return groups;
}

export const readFields = (): Field[] => readGroups().flatMap((group) => group.fields);

function toField(path: readonly string[], schema: z.infer<typeof JsonField>): Field {
  const words = path.flatMap((part) => part.split(/(?=[A-Z])/)).map((word) => word.toLowerCase());
  return {
    path,
    variable: schema.variable ?? `BASELOAD_${words.join("_").toUpperCase()}`,
    flag: schema.secret === true ? undefined : `--${words.join("-")}`,
    description: schema.description,
    isNumber: schema.type === "integer" || schema.type === "number",
    isSecret: schema.secret === true,
    defaultText: schema.defaultText ?? String(schema.default ?? ""),
    accepts: acceptsOf(schema),
  };
}

function acceptsOf(schema: z.infer<typeof JsonField>): string {
  if (schema.enum !== undefined) return schema.enum.join(", ");
  if (schema.minimum === undefined || schema.maximum === undefined) return "text";
  return `${schema.minimum} to ${schema.maximum}`;
}
