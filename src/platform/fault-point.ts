/**
 * Places where a process can be made to die on purpose: between two steps that no real crash hits often
 * enough to be tested by chance. Off, a place costs the check of one constant.
 *
 * `BASELOAD_TEST_FAULT_POINT="<pid>:<name>:<nth>"` ends the process by SIGKILL when it comes to the place for the nth time,
 * but only if the process was started by the process of that pid: a variable that a shell still holds, or that a
 * supervisor hands on, does nothing.
 */
import { processVariables } from "./config/env.ts";

/** Each is tested by `fault-points.test.ts`, `batches.test.ts` or `responses.test.ts` in `test/crash`. */
export const faultPoints = [
  "gateway: intent written",
  "gateway: answer begun",
  "gateway: usage known",
  "gateway: usage written",
  "gateway: stream under way",
  "journal: records on the disk, writers not told",
  "journal: next segment taken, header not written",
  "journal: next segment begun",
  "ledger: lease granted, answer not received",
  "worker: records read, not posted",
  "worker: records posted, segments not removed",
  "worker: interrupted attempts looked up",
  "worker: interrupted attempts posted",
  "worker: leases of an ended gateway closed",
  "gateway: run begun",
  "gateway: answer kept",
  "worker: lines marked as sent",
  "worker: lines half stored",
  "worker: line answered, not written down",
  "worker: result files written, batch not ended",
  "worker: batch ended, job not",
  "worker: response answered, not stored",
  "worker: job done, not ended",
] as const;

export type FaultPoint = (typeof faultPoints)[number];

type Armed = { name: FaultPoint; left: number };

/** The value of the variable that ends a child of this process at a place. */
export const faultPointFor = (parentPid: number, name: FaultPoint, nth = 1): string =>
  `${parentPid}:${name}:${nth}`;

const armed = readArmed();

export function faultPoint(name: FaultPoint): void {
  if (armed !== undefined) reach(armed, name);
}

function reach(point: Armed, name: FaultPoint): void {
  if (point.name !== name) return;
  point.left -= 1;
  if (point.left <= 0) process.kill(process.pid, "SIGKILL");
}

function readArmed(): Armed | undefined {
  const text = processVariables()["BASELOAD_TEST_FAULT_POINT"];
  const [, parentPid, wanted, nth] = /^(\d+):(.+):(\d+)$/.exec(text ?? "") ?? [];
  if (Number(parentPid) !== process.ppid) return undefined;
  const name = faultPoints.find((known) => known === wanted);
  return name === undefined ? undefined : { name, left: Number(nth) };
}
