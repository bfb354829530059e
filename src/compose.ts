/** Configuration → running role: the only place where the parts of a process are put together. */
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { Failure } from "./lib/errors.ts";
import type { Config } from "./platform/config/config.ts";
import { openDatabase } from "./platform/db/database.ts";
import type { Log } from "./platform/log.ts";
import { embeddedUrlOf } from "./platform/postgres/embedded.ts";
import type { Role } from "./platform/roles.ts";
import { readSecrets } from "./platform/secrets.ts";
import { version } from "./platform/version.ts";

export type Running = { stop(): Promise<void> };

type Compose = (config: Config, log: Log) => Promise<Running>;

const LOOPBACK = "127.0.0.1";

/** Each role loads only its own code: a sandbox needs no database driver, a gateway no HTTP framework. */
export const composeRole: Readonly<Record<Role, Compose>> = {
  gateway: async (config, log) => {
    const { startGateway } = await import("./gateway/start.ts");
    const secrets = readSecrets(config.home);
    return await startGateway({
      home: config.home,
      databaseUrl: databaseUrlOf(config),
      databasePoolSize: config.database.poolSize,
      hostname: config.bindAddress,
      port: config.port,
      gateways: config.gateways,
      keyPepper: secrets.key_pepper,
      sealKey: secrets.seal_key,
      internalToken: secrets.internal_token,
      sandbox: {
        name: "sandbox",
        dialect: "openai-chat",
        baseUrl: `http://${LOOPBACK}:${config.sandbox.port}/v1`,
        credential: secrets.internal_token,
        allowPrivate: true,
        quirks: { usage_lookup: true },
      },
      limits: {
        ...config.limits,
        batchYieldsAt: config.batches.yieldsAt,
        batchAtStandardPrice: config.batches.withoutPrice === "standard",
      },
      files: filesOf(config),
      lease: config.lease,
      journal: config.journal,
      drainTimeoutMs: config.drainMs,
      leaveMs: config.leaveMs,
      telemetry: {
        ...config.telemetry,
        accessLog: config.telemetry.accessLog || undefined,
        traces: config.telemetry.traces === "otlp",
      },
      log,
    });
  },

  control: async (config, log) => {
    const { startControl } = await import("./control/start.ts");
    const database = openDatabase({
      url: databaseUrlOf(config),
      poolSize: config.database.poolSize,
      applicationName: "baseload control",
      log,
    });
    const control = await startControl({
      home: config.home,
      host: config.bindAddress,
      port: config.controlPort,
      allowedHosts: config.control.allowedHosts.split(",").filter((name) => name !== ""),
      database,
      secrets: readSecrets(config.home),
      version,
      log,
    });
    return {
      async stop() {
        await control.stop();
        await database.close();
      },
    };
  },

  worker: async (config, log) => {
    const { startWorker } = await import("./worker/start.ts");
    const secrets = readSecrets(config.home);
    return await startWorker({
      home: config.home,
      databaseUrl: databaseUrlOf(config),
      databasePoolSize: config.database.poolSize,
      sealKey: secrets.seal_key,
      internalToken: secrets.internal_token,
      files: filesOf(config),
      batchConcurrency: config.batches.concurrency,
      ...config.worker,
      log,
    });
  },

  sandbox: async (config) => {
    const { startSandbox } = await import("./sandbox/start.ts");
    return await startSandbox({
      hostname: LOOPBACK,
      port: config.sandbox.port,
      token: readSecrets(config.home).internal_token,
    });
  },

  runner: async (config, log) => {
    const { readHostedModel } = await import("./domains/serving/index.ts");
    const { startRunner } = await import("./runner/start.ts");
    const model = await readHostedModel(config.home, config.model);
    if (model === undefined) {
      throw new Failure(
        "not_found",
        `There are no weights of '${config.model}' in this home. Fetch them: baseload model pull ${config.model}`,
      );
    }
    const { port, sequences, contextTokens, threads } = config.runner;
    // A model uses every cycle it gets; gateways, worker and database come first.
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
    return await startRunner({
      modelName: model.name,
      modelPath: model.path,
      sampling: model.sampling,
      hostname: LOOPBACK,
      port,
      token: readSecrets(config.home).internal_token,
      ...(sequences === undefined ? {} : { sequences }),
      ...(contextTokens === undefined ? {} : { contextTokens }),
      ...(threads === undefined ? {} : { threads }),
      drainMs: config.drainMs,
      log,
    });
  },
};

const filesOf = ({ home, files }: Config) => ({
  ...files,
  folder: files.folder ?? join(home, "files"),
});

const databaseUrlOf = (config: Config): string => config.database.url ?? embeddedUrlOf(config.home);
