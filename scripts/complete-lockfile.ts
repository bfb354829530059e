/**
 * Adds to package-lock.json the optional platform packages that a registry mirror does not carry.
 *
 * npm leaves such packages out of the lock, and `npm ci` then refuses it on every registry. They are for
 * other platforms than the one that installs, so name, version, `os` and `cpu` are all that npm needs.
 */
import { readFileSync, writeFileSync } from "node:fs";

type Entry = {
  version?: string;
  name?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  optionalDependencies?: Record<string, string>;
};

const lockPath = new URL("../package-lock.json", import.meta.url);
const manifestPath = new URL("../package.json", import.meta.url);
const lock = JSON.parse(readFileSync(lockPath, "utf8")) as { packages: Record<string, Entry> };
const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as {
  overrides: Record<string, Record<string, string>>;
};

const osWords: [RegExp, string][] = [
  [/darwin|mac/, "darwin"],
  [/win32|windows|win-/, "win32"],
  [/android/, "android"],
  [/freebsd/, "freebsd"],
  [/openharmony/, "openharmony"],
  [/netbsd/, "netbsd"],
  [/openbsd/, "openbsd"],
  [/sunos/, "sunos"],
  [/aix/, "aix"],
  [/linux/, "linux"],
];
const cpuWords: [RegExp, string][] = [
  [/arm64|aarch64/, "arm64"],
  [/armv7|arm-|gnueabihf|musleabihf|arm$/, "arm"],
  [/x64/, "x64"],
  [/ia32|x86$/, "ia32"],
  [/riscv64/, "riscv64"],
  [/ppc64/, "ppc64"],
  [/s390x/, "s390x"],
];

const firstWord = (words: [RegExp, string][], name: string) =>
  words.find(([pattern]) => pattern.test(name))?.[1];

let added = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const at = `node_modules/${name}`;
    if (lock.packages[at] ?? lock.packages[`${path}/${at}`]) continue;
    const alias = manifest.overrides[path.replace("node_modules/", "")]?.[name];
    const target = alias === undefined ? name : alias.replace(/^npm:|@[^@]*$/g, "");
    const os = firstWord(osWords, target);
    const cpu = firstWord(cpuWords, target);
    if (os === undefined || cpu === undefined) {
      throw new Error(
        `${target}: no platform can be read from its name; add it to the lock by hand.`,
      );
    }
    lock.packages[at] = {
      ...(alias === undefined ? {} : { name: target }),
      version: alias?.replace(/^.*@/, "") ?? version.replace(/^[~^]/, ""),
      cpu: [cpu],
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      os: [os],
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
);
writeFileSync(lockPath, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${added} platform packages added to package-lock.json\n`);
