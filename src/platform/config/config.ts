/**
 * Everything an operator may set before the start, in one schema. Parsing, `docs/reference/configuration.md`
 * and the JSON schema come from it. What changes while Baseload runs (routes, prices, keys) is not here: it is
 * data in PostgreSQL.
 *
 * Units stand in the names. A default that depends on the machine is described by `defaultText`.
 */
import { availableParallelism, homedir } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { logLevels } from "../log.ts";

const MIB = 2 ** 20;
const PORT_MAX = 65_535;
const HOUR_MS = 3_600_000;

type Bounds = { description: string; default: number; min: number; max: number };

const whole = ({ description, min, max, default: value }: Bounds) =>
  z.int().min(min).max(max).default(value).meta({ description });

const Database = z.object({
  url: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "must begin with postgres://")
    .optional()
    .meta({
      description:
        "PostgreSQL 15 or newer. Without it Baseload starts a PostgreSQL of its own under its home.",
      variable: "DATABASE_URL",
      secret: true,
      defaultText: "embedded PostgreSQL",
    }),
  poolSize: whole({
    description: "Connections of one process. The sum over all processes must fit the server.",
    default: 8,
    min: 2,
    max: 100,
  }),
});

const Journal = z.object({
  segmentBytes: whole({
    description: "Size of one segment of the usage journal, taken from the disk ahead of time.",
    default: 16 * MIB,
    min: MIB,
    max: 1_024 * MIB,
  }),
  groupMaxRecords: whole({
    description: "Records that one write and one sync may take together.",
    default: 1_024,
    min: 1,
    max: 65_536,
  }),
});

const Lease = z.object({
  ttlMs: whole({
    description:
      "How long a gateway may spend a block of a wallet without hearing from PostgreSQL.",
    default: 60_000,
    min: 5_000,
    max: HOUR_MS,
  }),
  marginMs: whole({
    description:
      "A lease takes no new holds this long before it expires: clocks drift, disks stall.",
    default: 5_000,
    min: 500,
    max: 60_000,
  }),
  idleMs: whole({
    description: "A lease without holds is given back after this long.",
    default: 5_000,
    min: 1_000,
    max: HOUR_MS,
  }),
  patienceMs: whole({
    description:
      "How long a call waits for money that calls under way still hold, before it is refused with 402.",
    default: 20_000,
    min: 0,
    max: HOUR_MS,
  }),
  maxUsd: z
    .string()
    .regex(/^\d{1,9}(\.\d{1,9})?$/, 'must be US dollars such as "5.00"')
    .default("5.00")
    .meta({ description: "US dollars that one lease takes at most beyond what its calls need." }),
});

const Limits = z.object({
  bodyBytesMax: whole({
    description: "Size of a request body.",
    default: 20 * MIB,
    min: 1_024,
    max: 512 * MIB,
  }),
  jsonDepthMax: whole({
    description: "Depth of nested objects and lists in a request.",
    default: 64,
    min: 8,
    max: 512,
  }),
  messagesMax: whole({
    description: "Messages in one chat request.",
    default: 10_000,
    min: 1,
    max: 100_000,
  }),
  bodyTimeoutMs: whole({
    description: "Until the last byte of a request's body.",
    default: 120_000,
    min: 100,
    max: HOUR_MS,
  }),
  answerTimeoutMs: whole({
    description: "Until the first byte of a provider's answer.",
    default: 300_000,
    min: 1_000,
    max: HOUR_MS,
  }),
  queueTimeoutMs: whole({
    description: "How long a call waits for room at a model that answers only so many at once.",
    default: 30_000,
    min: 0,
    max: HOUR_MS,
  }),
  cacheBytesMax: whole({
    description: "Memory of the response cache, in each gateway process.",
    default: 64 * MIB,
    min: 0,
    max: 64 * 1_024 * MIB,
  }),
  queueMax: whole({
    description: "Calls that wait for one model, in each gateway process.",
    default: 1_000,
    min: 0,
    max: 100_000,
  }),
  retryRounds: whole({
    min: 0,
    max: 5,
    default: 1,
    description:
      "How often a call that failed at every provider of its plan is tried once more, after a wait. 0 for never.",
  }),
  silenceTimeoutMs: whole({
    description: "Between two pieces of a provider's answer.",
    default: 120_000,
    min: 1_000,
    max: HOUR_MS,
  }),
  lookUpTimeoutMs: whole({
    description:
      "How long the usage of a call whose client has left is asked for before it is counted instead.",
    default: 10_000,
    min: 100,
    max: HOUR_MS,
  }),
});

const Log = z.object({
  level: z.enum(logLevels).default("info").meta({ description: "The least that is written." }),
});

const share = (description: string) =>
  z.coerce.number().min(0).max(1).default(1).meta({ description });

const Telemetry = z.object({
  accessLog: z.string().max(4_096).default("").meta({
    description:
      "Where each call is written as a line of JSON, without prompts: a file, or `stdout`. It may be rotated at any time.",
    defaultText: "nowhere",
  }),
  accessLogSample: share(
    "Share of the calls that go well which is written. Those that fail always are.",
  ),
  traces: z.enum(["off", "otlp"]).default("off").meta({
    description:
      "Traces by OpenTelemetry's GenAI conventions, without prompts, sent as `OTEL_EXPORTER_OTLP_ENDPOINT` and its like say.",
  }),
  tracesSample: share("Share of the calls that are traced, where the client has not decided."),
  serviceName: z
    .string()
    .min(1)
    .max(200)
    .default("baseload")
    .meta({ description: "`service.name` in traces." }),
});

const Control = z.object({
  allowedHosts: z.string().default("").meta({
    description:
      "Names besides localhost under which the control plane may be called, with commas between them.",
    defaultText: "none",
  }),
});

const Worker = z.object({
  batchSize: whole({
    description: "Usage records posted to the ledger in one statement.",
    default: 2_000,
    min: 1,
    max: 20_000,
  }),
  pollMs: whole({
    description: "How often the journals are looked at for new records.",
    default: 50,
    min: 5,
    max: 60_000,
  }),
  quarantineGraceMs: whole({
    description: "How long after its expiry a lease is set aside: its gateway may only be cut off.",
    default: 5_000,
    min: 0,
    max: HOUR_MS,
  }),
  jobSilentMs: whole({
    description:
      "How long a worker may say nothing of a batch or a response in the background before another one takes it over.",
    default: 15_000,
    min: 1_000,
    max: HOUR_MS,
  }),
});

const Batches = z.object({
  concurrency: whole({
    description: "Lines of batches that one worker has under way at once, of all batches together.",
    default: 16,
    min: 1,
    max: 1_024,
  }),
  yieldsAt: whole({
    description:
      "Other attempts under way in a gateway process from which on it takes no lines of batches.",
    default: 32,
    min: 1,
    max: 100_000,
  }),
  withoutPrice: z.enum(["refuse", "standard"]).default("refuse").meta({
    description:
      "What becomes of a line whose model has no price for batches: it is refused, or charged by the standard price.",
  }),
});

const Files = z.object({
  folder: z.string().min(1).optional().meta({
    description:
      "Folder of uploaded files and of results. Where several machines run gateways, one that all of them share.",
    defaultText: "`files` in the home",
  }),
  fileBytesMax: whole({
    description: "Size of one file.",
    default: 512 * MIB,
    min: 1_024,
    max: 1_048_576 * MIB,
  }),
  organizationBytesMax: whole({
    description: "Size of all files of one organization together.",
    default: 10_240 * MIB,
    min: 1_024,
    max: 1_073_741_824 * MIB,
  }),
});

const Sandbox = z.object({
  port: whole({
    description: "Port of the sandbox on the loopback. `baseload up` takes a free one instead.",
    default: 8082,
    min: 1,
    max: PORT_MAX,
  }),
});

const Runner = z.object({
  port: whole({
    description: "Port of a runner on the loopback. `baseload up` takes a free one for each.",
    default: 8083,
    min: 1,
    max: PORT_MAX,
  }),
  sequences: z.int().min(1).max(256).optional().meta({
    description: "Calls that a hosted model answers at the same time; more wait in line.",
    defaultText: "what cores and memory allow",
  }),
  contextTokens: z.int().min(256).max(1_048_576).optional().meta({
    description: "Tokens of one call, input and output together.",
    defaultText: "what the model was trained with, if the memory allows",
  }),
  threads: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .meta({ description: "Threads that compute.", defaultText: "one per CPU core, less one" }),
});

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,126}$/, "is not a model name");

export const ConfigSchema = z.object({
  home: z.string().min(1).optional().meta({
    description: "Folder of everything Baseload keeps: secrets, journals, models, logs, data.",
    defaultText: "~/.baseload",
  }),
  port: whole({ description: "Port of the data plane.", default: 8080, min: 1, max: PORT_MAX }),
  controlPort: whole({
    description: "Port of the control plane and the console.",
    default: 8081,
    min: 1,
    max: PORT_MAX,
  }),
  bindAddress: z
    .string()
    .regex(/^[0-9A-Fa-f.:]+$/, "must be an IP address, such as 127.0.0.1 or 0.0.0.0")
    .default("127.0.0.1")
    .meta({
      description:
        "Address that both planes listen on. `0.0.0.0` opens them to the network: put TLS in front.",
    }),
  gateways: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .meta({ description: "Gateway processes.", defaultText: "one per CPU core, at least 2" }),
  model: name.default("smollm2-135m-instruct").meta({
    description: "Model that the first start fetches, and that `baseload runner` serves.",
  }),
  hfEndpoint: z
    .string()
    .regex(/^https?:\/\//, "must begin with https://")
    .optional()
    .meta({
      description: "Mirror of the Hugging Face hub.",
      defaultText: "https://huggingface.co",
    }),
  drainMs: whole({
    description: "On stop, how long streams under way may take to end.",
    default: 30_000,
    min: 0,
    max: HOUR_MS,
  }),
  leaveMs: whole({
    description:
      "A part of it: how long a gateway still takes calls after it has said that it is not ready, so that load balancers and kept connections go elsewhere.",
    default: 250,
    min: 0,
    max: HOUR_MS,
  }),
  database: Database.prefault({}).meta({ description: "Database" }),
  journal: Journal.prefault({}).meta({ description: "Usage journal" }),
  lease: Lease.prefault({}).meta({ description: "Leases" }),
  limits: Limits.prefault({}).meta({ description: "Limits of one call" }),
  telemetry: Telemetry.prefault({}).meta({ description: "What operators see of calls" }),
  control: Control.prefault({}).meta({ description: "Control plane" }),
  worker: Worker.prefault({}).meta({ description: "Worker" }),
  batches: Batches.prefault({}).meta({ description: "Batches" }),
  files: Files.prefault({}).meta({ description: "Files" }),
  sandbox: Sandbox.prefault({}).meta({ description: "Sandbox" }),
  runner: Runner.prefault({}).meta({ description: "Hosted models" }),
  log: Log.prefault({}).meta({ description: "Logs" }),
});

type Parsed = z.output<typeof ConfigSchema>;

export type Config = Omit<Parsed, "home" | "gateways"> & { home: string; gateways: number };

const DEFAULT_HOME = "~/.baseload";

/** A shell opens `~` only at the beginning of a word, so not in `--home=~/x`. */
const toAbsolute = (path: string): string => resolve(path.replace(/^~(?=\/|$)/, homedir()));

/** Whether the command line finds this home without being told. */
export const isDefaultHome = (home: string): boolean => home === toAbsolute(DEFAULT_HOME);

/** What depends on the machine is filled in after parsing, so that the reference does not depend on it. */
export const withMachineDefaults = (parsed: Parsed): Config => ({
  ...parsed,
  home: toAbsolute(parsed.home ?? DEFAULT_HOME),
  gateways: parsed.gateways ?? Math.max(2, availableParallelism()),
});
