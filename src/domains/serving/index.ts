/** The door of serving. */
export { type GgufHeader, readGgufHeader } from "./gguf-header.ts";
export {
  DEFAULT_MODEL,
  findKnownModel,
  type KnownModel,
  knownModels,
  type SamplingDefaults,
} from "./known-models.ts";
export type { OnProgress, PullProgress } from "./progress.ts";
export { type PullModelOptions, pullModel } from "./pull-model.ts";
export {
  type HostedModel,
  listHostedModels,
  readHostedModel,
  removeHostedModel,
} from "./registry.ts";
export { describeSource, type Endpoints, parseSource, type Source } from "./source.ts";
