/** Files that several processes map into their memory. */
import { closeSync, linkSync, mkdirSync, openSync, unlinkSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Made whole and then linked: a process that starts at the same time never maps a half-made file, and the second
 * to be ready does not replace the file that the first one has mapped already.
 */
export function createMappedFile(path: string, sizeBytes: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  const file = openSync(draft, "w", 0o600);
  writeSync(file, Buffer.alloc(sizeBytes));
  closeSync(file);
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(draft);
  }
}
