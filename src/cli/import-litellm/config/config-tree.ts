/** A LiteLLM configuration as a tree whose every setting knows its line. Pure. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { UsageError } from "../../grammar/usage-error.ts";

/** A proxy with a thousand deployments has less than half of it. */
const CONFIG_CHARS_MAX = 2 * 1024 * 1024;
/** Anchors are counted where they are used: a bomb is made of them. */
const SETTINGS_MAX = 50_000;
const DEPTH_MAX = 32;

type Place = {
  /** From the top: `model_list`, `0`, `litellm_params`, `model`. */
  readonly path: readonly string[];
  /** Of the file, from 1. What stands behind an anchor has the anchor's own. */
  readonly line: number;
};

/** `source` is the text in the file: a number keeps every digit. */
export type ScalarSetting = Place & {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  readonly source: string;
};
export type MapSetting = Place & {
  readonly kind: "map";
  readonly fields: ReadonlyMap<string, Setting>;
};
export type ListSetting = Place & { readonly kind: "list"; readonly items: readonly Setting[] };
export type Setting = ScalarSetting | MapSetting | ListSetting;

/** @throws UsageError with the line, for what is no YAML or no configuration */
export function readConfigTree(text: string, file: string): MapSetting {
  if (text.length > CONFIG_CHARS_MAX) {
    throw new UsageError(`${file} has more than ${CONFIG_CHARS_MAX} characters.`);
  }
  const lines = new LineCounter();
  // LiteLLM reads with PyYAML, which speaks YAML 1.1: `yes` is true, and `<<` merges.
  const document = parseDocument(text, { version: "1.1", merge: true, lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) throw notYaml(file, error.message, error.linePos?.[0].line);
  const root = new Reader(document, lines, file).read(document.contents, [], 1);
  if (root.kind === "map") return root;
  throw new UsageError(`${file} is no configuration of LiteLLM: it has no settings by name.`);
}

const QUOTED = /"(?:\\.|[^"\\])*"|'[^']*'/g;

const notYaml = (file: string, message: string, line: number | undefined): UsageError =>
  // The parser's message quotes the file, which may hold keys, and shows lines of it behind the first.
  new UsageError(
    `${file}${line === undefined ? "" : `, line ${line}`}: is not valid YAML: ${message.split("\n")[0]?.replace(QUOTED, "…")}`,
  );

class Reader {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #file: string;
  #settings = 0;

  constructor(document: Document, lines: LineCounter, file: string) {
    this.#document = document;
    this.#lines = lines;
    this.#file = file;
  }

  read(node: unknown, path: readonly string[], line: number): Setting {
    this.#settings++;
    if (this.#settings > SETTINGS_MAX || path.length > DEPTH_MAX) {
      throw new UsageError(`${this.#file} has too many settings, or they stand too deep.`);
    }
    const found = isAlias(node) ? node.resolve(this.#document) : node;
    if (isMap(found)) return { kind: "map", path, line, fields: this.#fields(found, path) };
    if (isSeq(found)) {
      const items = found.items.map((item, i) =>
        this.read(item, [...path, String(i)], this.#lineOf(item, line)),
      );
      return { kind: "list", path, line, items };
    }
    return { kind: "scalar", path, line, ...scalarOf(found) };
  }

  #fields(map: YAMLMap, path: readonly string[]): Map<string, Setting> {
    const fields = new Map<string, Setting>();
    const merged: YAMLMap[] = [];
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.source ?? key.value) : String(key);
      if (name === "<<") merged.push(...this.#mapsIn(value));
      else fields.set(name, this.read(value, [...path, name], this.#lineOf(key, 1)));
    }
    // What a map says itself comes before what it takes over.
    for (const [name, setting] of merged.flatMap((one) => [...this.#fields(one, path)])) {
      if (!fields.has(name)) fields.set(name, setting);
    }
    return fields;
  }

  #mapsIn(value: unknown): YAMLMap[] {
    const found = isAlias(value) ? value.resolve(this.#document) : value;
    if (isMap(found)) return [found];
    return isSeq(found) ? found.items.flatMap((item) => this.#mapsIn(item)) : [];
  }

  #lineOf(node: unknown, otherwise: number): number {
    const start = (node as Node | null)?.range?.[0];
    return start === undefined ? otherwise : this.#lines.linePos(start).line;
  }
}

function scalarOf(node: unknown): Pick<ScalarSetting, "value" | "source"> {
  const { value, source } = isScalar(node) ? node : { value: null, source: "" };
  if (typeof value === "string") return { value, source: value };
  const text = source ?? String(value ?? "");
  const isPlain = typeof value === "number" || typeof value === "boolean" || value === null;
  // Dates, for one: versions of APIs look like them, and are meant as they are written.
  return { value: isPlain ? value : text, source: text };
}

/** What has no settings below it; an empty list or map is one, too. */
export function leavesOf(setting: Setting): Setting[] {
  const below = partsOf(setting);
  return below.length === 0 ? [setting] : below.flatMap(leavesOf);
}

export function partsOf(setting: Setting): readonly Setting[] {
  if (setting.kind === "map") return [...setting.fields.values()];
  return setting.kind === "list" ? setting.items : [];
}

export const fieldOf = (setting: Setting | undefined, name: string): Setting | undefined =>
  setting?.kind === "map" ? setting.fields.get(name) : undefined;

export const itemsOf = (setting: Setting | undefined): readonly Setting[] =>
  setting?.kind === "list" ? setting.items : [];

/** Null, empty, or said to be off. */
export function isOff(setting: Setting): boolean {
  if (setting.kind !== "scalar") return partsOf(setting).length === 0;
  return setting.value === null || setting.value === false || setting.value === "";
}

export const textOf = (setting: Setting | undefined): string | undefined =>
  setting?.kind === "scalar" && setting.value !== null && typeof setting.value !== "boolean"
    ? setting.source.trim() || undefined
    : undefined;

/** A number that counts or times: never money. */
export function numberOf(setting: Setting | undefined): number | undefined {
  const text = textOf(setting)?.replaceAll("_", "");
  return text !== undefined && /^\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

export const wholeOf = (setting: Setting | undefined): number | undefined => {
  const value = numberOf(setting);
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
};
