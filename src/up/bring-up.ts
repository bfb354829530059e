/** The order in which an installation starts. What does not wait for each other starts at the same time. */
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { type Config, isDefaultHome } from "../platform/config/config.ts";
import { type Database, openDatabase } from "../platform/db/database.ts";
import { migrate } from "../platform/db/migrate.ts";
import type { Log } from "../platform/log.ts";
import { postgresRootOf } from "../platform/postgres/embedded.ts";
import { readSecrets, type Secrets } from "../platform/secrets.ts";
import type { Child } from "./child.ts";
import { type ControlClient, openControl } from "./control-client.ts";
import {
  FIRST_NAME,
  type FirstMinute,
  hasNoKeys,
  makeAccount,
  makeFirstCall,
  makeTestKey,
} from "./first-call.ts";
import { fetchModel, type HostedModel, listHostedModels, offerModel } from "./host-models.ts";
import {
  type Installation,
  showAddresses,
  showHowToGetModel,
  showKey,
  showNextSteps,
  showTestKey,
} from "./next-steps.ts";
import { assertPortFree, PortBook } from "./ports.ts";
import { supervisePostgres } from "./postgres.ts";
import { type Screen, seconds } from "./screen.ts";
import type { Supervisor } from "./supervisor.ts";

export type BringUpOptions = {
  config: Config;
  hostsModel: boolean;
  makesFirstCall: boolean;
  supervisor: Supervisor;
  screen: Screen;
  log: Log;
  signal: AbortSignal;
};

/** Everything that the later steps need. */
type Setting = BringUpOptions & {
  secrets: Secrets;
  database: Database;
  ports: PortBook;
  control: ControlClient;
  installation: Installation;
};

const CONNECTIONS_SPARE = 20;
const migrationsFolder = join(import.meta.dir, "..", "..", "migrations");

export async function bringUp(options: BringUpOptions): Promise<void> {
  const { config, screen, supervisor } = options;
  const startedMs = systemClock.monotonicMs();
  await assertPortsFree(config);
  const secrets = readSecrets(config.home);
  const databaseUrl = await startDatabase(options);
  const database = openDatabase({
    url: databaseUrl,
    poolSize: 2,
    applicationName: "baseload up",
    log: options.log,
  });
  try {
    await applyMigrations(database, screen);
    const setting = await settingOf(options, { secrets, database });
    const hosted = options.hostsModel ? await listHostedModels(config.home) : [];
    const [served] = await Promise.all([serveModels(setting, hosted), startPlanes(setting)]);
    supervisor.announceUp();
    await showFirstMinute(setting, { served, startedMs });
  } finally {
    await database.close();
  }
}

async function assertPortsFree(config: Config): Promise<void> {
  const host = config.bindAddress;
  await assertPortFree("data plane", { port: config.port, host, flag: "--port" });
  await assertPortFree("control plane", { port: config.controlPort, host, flag: "--control-port" });
}

async function startDatabase({ config, supervisor, screen, log }: BringUpOptions): Promise<string> {
  const { url } = config.database;
  if (url !== undefined) {
    supervisor.useDatabase(url);
    return url;
  }
  const step = screen.step("postgres");
  const started = await supervisor.usePostgres(() =>
    supervisePostgres({
      home: config.home,
      connections: connectionsOf(config),
      log,
      step,
      onTrouble: (text) => screen.print(`  ${text}`),
    }),
  );
  step.done(`embedded, data in ${postgresRootOf(config.home)}`);
  return started;
}

/** Control, worker and gateways have a pool each and listen on a connection of its own; some are left for people. */
function connectionsOf({ gateways, database }: Config): number {
  const processes = gateways + 2;
  return processes * (database.poolSize + 1) + CONNECTIONS_SPARE;
}

async function applyMigrations(database: Database, screen: Screen): Promise<void> {
  const step = screen.step("schema");
  step.progress("migrating");
  const { applied } = await migrate(database, migrationsFolder);
  step.done(applied.length === 0 ? "up to date" : `${applied.length} migrations applied`);
}

async function settingOf(
  options: BringUpOptions,
  made: { secrets: Secrets; database: Database },
): Promise<Setting> {
  const { config } = options;
  const host = ["0.0.0.0", "::"].includes(config.bindAddress) ? "127.0.0.1" : config.bindAddress;
  const urlOf = (port: number): string =>
    `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    ...options,
    ...made,
    ports: new PortBook(config.home),
    control: openControl({ url: urlOf(config.controlPort), token: made.secrets.admin_token }),
    installation: {
      gatewayUrl: urlOf(config.port),
      controlUrl: urlOf(config.controlPort),
      homeFlag: isDefaultHome(config.home) ? "" : ` --home ${config.home}`,
    },
  };
}

/** Control, worker, sandbox and gateways, all at the same time. */
async function startPlanes({
  config,
  supervisor,
  screen,
  ports,
  installation,
}: Setting): Promise<void> {
  const told = { BASELOAD_SANDBOX_PORT: String(await ports.portFor("sandbox")) };
  const show = async (step: string, children: readonly Child[], text: string): Promise<void> => {
    const shown = screen.step(step);
    await Promise.all(children.map((child) => child.ready));
    shown.done(text);
  };
  const gateways = Array.from({ length: config.gateways }, (_, index) =>
    supervisor.spawn("gateway", `gateway ${index + 1}`, told),
  );
  await Promise.all([
    show(
      "control",
      [supervisor.spawn("control", "control")],
      `control plane at ${installation.controlUrl}`,
    ),
    show("worker", [supervisor.spawn("worker", "worker")], "posts usage to the ledger"),
    show(
      "sandbox",
      [supervisor.spawn("sandbox", "sandbox", told)],
      "simulated models for test keys",
    ),
    show("gateway", gateways, `${config.gateways} processes at ${installation.gatewayUrl}/v1`),
  ]);
}

/** @returns the models that are served. One that fails is said, and the rest goes on. */
async function serveModels(
  setting: Setting,
  models: readonly HostedModel[],
): Promise<HostedModel[]> {
  const served = await Promise.all(models.map((model) => serveModel(setting, model)));
  return models.filter((_, index) => served[index]);
}

async function serveModel(setting: Setting, model: HostedModel): Promise<boolean> {
  const { supervisor, screen, secrets, database } = setting;
  const step = screen.step("model");
  step.progress(`loading ${model.name}`);
  try {
    const port = await setting.ports.portFor(`runner ${model.name}`);
    const isOurs = await offerModel(database, {
      model,
      port,
      sealKey: secrets.seal_key,
      token: secrets.internal_token,
    });
    if (!isOurs) {
      step.done(`${model.name} is not offered, so it is not loaded`);
      return false;
    }
    const runner = supervisor.spawn("runner", `runner ${model.name}`, {
      BASELOAD_RUNNER_PORT: String(port),
      BASELOAD_MODEL: model.name,
    });
    await runner.ready;
    step.done(`${model.name}${model.licence === undefined ? "" : `, licence ${model.licence}`}`);
    return true;
  } catch (error) {
    setting.log.error("a model is not served", { model: model.name, error });
    step.failed(`${model.name} is not served: ${messageOf(error)}`);
    return false;
  }
}

async function showFirstMinute(
  setting: Setting,
  { served, startedMs }: { served: HostedModel[]; startedMs: number },
): Promise<void> {
  const { screen, control, installation } = setting;
  const isNew = await hasNoKeys(control);
  const isFirst = setting.makesFirstCall && isNew;
  const hosted = await withDefaultModel(setting, served, isNew);
  const model = hosted[0]?.name;
  if (isFirst) await makeFirstMinute(setting, model);
  else if (setting.hostsModel && model === undefined) {
    screen.print(`  No model is hosted: npx baseload model pull${installation.homeFlag}`);
  }
  screen.print("");
  screen.heading(
    `Ready in ${seconds(systemClock.monotonicMs() - startedMs)}. Ctrl-C stops everything.`,
  );
  screen.print("");
  showAddresses(screen, installation);
  if (isFirst) {
    showNextSteps(screen, {
      ...installation,
      model: model ?? "sandbox-static",
      organization: FIRST_NAME,
    });
  }
  screen.print("");
}

/** A new installation fetches the default model; later starts only remind of it, because a pull takes long. */
async function withDefaultModel(
  setting: Setting,
  served: HostedModel[],
  isNew: boolean,
): Promise<HostedModel[]> {
  const { config, screen, installation } = setting;
  if (served.length > 0 || !setting.hostsModel || !isNew) return served;
  const step = screen.step("download");
  try {
    const model = await fetchModel({
      name: config.model,
      home: config.home,
      huggingFace: config.hfEndpoint,
      step,
      signal: setting.signal,
    });
    step.done(`${model.name} from ${model.source}`);
    return await serveModels(setting, [model]);
  } catch (error) {
    step.failed(`${config.model} could not be fetched`);
    setting.log.warn("the default model could not be fetched", { error });
    showHowToGetModel(screen, {
      name: config.model,
      homeFlag: installation.homeFlag,
      reason: messageOf(error),
    });
    return [];
  }
}

async function makeFirstMinute(setting: Setting, model: string | undefined): Promise<void> {
  const { control, screen, installation } = setting;
  const minute: FirstMinute = {
    control,
    gatewayUrl: installation.gatewayUrl,
    screen,
    clock: systemClock,
  };
  const key = await makeAccount(minute);
  showKey(screen, key);
  try {
    if (model !== undefined) await makeFirstCall(minute, { key, model, isBilled: true });
    else {
      const testKey = await makeTestKey(minute);
      showTestKey(screen, testKey);
      await makeFirstCall(minute, { key: testKey, model: "sandbox-static", isBilled: false });
    }
  } catch (error) {
    if (setting.signal.aborted) return;
    // Everything runs; only the demonstration failed. It says why, and the platform stays up.
    setting.log.error("the first call failed", { error });
    screen.print(`  The first call did not work: ${messageOf(error)}`);
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
