/** A parsed JSON object whose fields nobody has looked at yet. */
export type JsonObject = Record<string, unknown>;
