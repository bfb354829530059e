/** What each API can be told through its package, beside text. Read while a plan is made, so it loads no package. */
import type { AiSdkProvider } from "../upstream.ts";

export type Abilities = {
  audio: boolean;
  /** Media types of files that are read; a pattern. */
  files: RegExp;
  /** Pictures and files in the results of tools. */
  filesInResults: boolean;
  /** An answer in JSON without a schema. */
  plainJson: boolean;
  /** Can be told to call one tool at a time. */
  oneCallAtATime: boolean;
  /** Has a word for these tiers, which are priced differently. */
  serviceTiers: readonly string[];
  /** System messages behind the first words of the user. */
  lateSystem: boolean;
};

const gemini: Abilities = {
  audio: true,
  files: /^(application\/pdf|text\/.*|video\/.*|audio\/.*)$/,
  filesInResults: true,
  plainJson: true,
  oneCallAtATime: false,
  serviceTiers: ["flex", "priority"],
  lateSystem: false,
};

export const abilitiesOf: Readonly<Record<AiSdkProvider, Abilities>> = {
  google: gemini,
  // Its tiers are bought with headers and quotas.
  "google-vertex": { ...gemini, serviceTiers: [] },
  "amazon-bedrock": {
    audio: false,
    files: /^(application\/(pdf|msword|vnd\..*)|text\/.*|video\/.*)$/,
    filesInResults: true,
    plainJson: false,
    oneCallAtATime: true,
    serviceTiers: ["flex", "priority"],
    lateSystem: false,
  },
  cohere: {
    audio: false,
    files: /^text\//,
    filesInResults: false,
    plainJson: true,
    oneCallAtATime: false,
    serviceTiers: [],
    lateSystem: true,
  },
  mistral: {
    audio: false,
    files: /^application\/pdf$/,
    filesInResults: false,
    plainJson: true,
    oneCallAtATime: true,
    serviceTiers: [],
    lateSystem: true,
  },
};
