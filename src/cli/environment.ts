/**
 * The only place where the command line reads the process's environment. Flags come first, then
 * environment variables, then what the running platform left in the home folder.
 */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Failure } from "../lib/errors.ts";
import type { GlobalValues } from "./grammar/flags.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

export const processVariables = (): Variables => process.env;

export type Control = { readonly url: string; readonly token: string };

export type Environment = {
  readonly home: string;
  /** Where control listens and how to authenticate; a `Failure` that says what to do when unknown. */
  control(): Control;
  /** Where the data plane listens, without `/v1`. */
  gatewayUrl(flag: string | undefined): string;
  variable(name: string): string | undefined;
  /** All of them, for the check of the configuration. */
  readonly variables: Variables;
};

/** Where `baseload up` listens unless told otherwise. */
const GATEWAY_URL_DEFAULT = "http://127.0.0.1:8080";

export function readEnvironment(global: GlobalValues, variables: Variables): Environment {
  // An empty variable is a variable that is not set: `BASELOAD_HOME= baseload …`.
  const variable = (name: string): string | undefined => variables[name] || undefined;
  const home = resolve(global.home ?? variable("BASELOAD_HOME") ?? join(homedir(), ".baseload"));
  return {
    home,
    variable,
    variables,
    control: () => findControl(home, global["control-url"], variable),
    gatewayUrl: (flag) => findGateway(home, flag, variable),
  };
}

type Variable = Environment["variable"];

function findControl(home: string, flag: string | undefined, variable: Variable): Control {
  const named = flag ?? variable("BASELOAD_CONTROL_URL");
  const url = named?.replace(/\/+$/, "") ?? textIn(join(home, "run", "control.json"), "url");
  if (url === undefined) throw controlNotRunning(`nothing runs from ${home}`);
  const token = variable("BASELOAD_ADMIN_TOKEN") ?? tokenOf(home, named);
  if (token === undefined) {
    throw new Failure(
      "unauthenticated",
      `No admin token for ${url}. Set BASELOAD_ADMIN_TOKEN, or point --home at the home folder that holds secrets.json.`,
    );
  }
  return { url, token };
}

/** The home folder's own token stays on this machine: another host gets only a token meant for it. */
function tokenOf(home: string, named: string | undefined): string | undefined {
  if (named !== undefined && !isLoopback(named)) return undefined;
  return textIn(join(home, "secrets.json"), "admin_token");
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

const isLoopback = (url: string): boolean =>
  URL.canParse(url) && LOOPBACK.test(new URL(url).hostname);

export const controlNotRunning = (detail: string): Failure =>
  new Failure(
    "overloaded",
    `The control plane is not running (${detail}). Start it with: baseload up`,
  );

function findGateway(home: string, flag: string | undefined, variable: Variable): string {
  const named = flag ?? variable("BASELOAD_GATEWAY_URL");
  if (named !== undefined) return named.replace(/\/+$/, "").replace(/\/v1$/, "");
  const port = readJson(join(home, "run", "up.json"))?.["port"];
  return typeof port === "number" ? `http://127.0.0.1:${port}` : GATEWAY_URL_DEFAULT;
}

function textIn(path: string, field: string): string | undefined {
  const value = readJson(path)?.[field];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A file that is not there is normal; one that cannot be read must say so. */
function readJson(path: string): Readonly<Record<string, unknown>> | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw new Failure("forbidden", `${path} cannot be read; check its permissions and its JSON.`, {
      cause,
    });
  }
  return undefined;
}
