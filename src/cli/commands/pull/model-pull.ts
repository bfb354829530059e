/** Weights are written by this process: the home folder is on this machine, whether or not anything runs. */
import { DEFAULT_MODEL, parseSource, pullModel } from "../../../domains/serving/index.ts";
import type { CommandContext, Report } from "../../grammar/command.ts";
import { formatBytes } from "../../output/format.ts";
import { drawPull } from "./pull-progress.ts";

type PullFlags = {
  readonly name: string | undefined;
  readonly source: string | undefined;
  readonly sha256: string | undefined;
};

export async function pullWeights(flags: PullFlags, context: CommandContext): Promise<Report> {
  const { environment, terminal } = context;
  const huggingFace = environment.variable("BASELOAD_HF_ENDPOINT");
  const model = await pullModel({
    name: flags.name ?? DEFAULT_MODEL,
    home: environment.home,
    onProgress: drawPull(terminal),
    // Ctrl-C ends this process; what was transferred stays and is continued by the next pull.
    signal: new AbortController().signal,
    ...(flags.source === undefined ? {} : { sources: [parseSource(flags.source)] }),
    ...(flags.sha256 === undefined ? {} : { sha256: flags.sha256 }),
    ...(huggingFace === undefined ? {} : { endpoints: { huggingFace } }),
  });
  return {
    json: {
      name: model.name,
      path: model.path,
      size_bytes: model.sizeBytes,
      sha256: model.sha256,
      architecture: model.architecture,
      context_tokens: model.contextTokens,
      license: model.licence ?? null,
      source: model.source,
    },
    text:
      `${model.name} is at ${model.path} (${formatBytes(model.sizeBytes)}, ` +
      `licence: ${model.licence ?? "unknown"}, SHA-256 ${model.sha256}).\n` +
      "It is served from the next start on: baseload up\n",
  };
}
