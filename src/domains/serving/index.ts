/** The door of serving. */
export { readGgufHeader } from "./gguf-header.ts";
export { DEFAULT_MODEL, type SamplingDefaults } from "./known-models.ts";
export type { OnProgress, PullProgress } from "./progress.ts";
export { type PullModelOptions, pullModel } from "./pull-model.ts";
export {
  type HostedModel,
  listHostedModels,
  readHostedModel,
  removeHostedModel,
} from "./registry.ts";
export { parseSource, type Source } from "./source.ts";
