/** What a file is, and its limits. */
import { assert } from "../../lib/errors.ts";

/** Whose files: every question names one, so that nobody sees another's. */
export type Tenant = { organizationId: bigint; projectId: bigint };

/** What clients may upload a file for; the words are OpenAI's. */
export const uploadPurposes = [
  "assistants",
  "batch",
  "evals",
  "fine-tune",
  "user_data",
  "vision",
] as const;
export type FilePurpose = (typeof uploadPurposes)[number] | "batch_output";

export type StoredFile = {
  fileId: string;
  purpose: FilePurpose;
  /** As the client called it; never a path of ours. */
  name: string;
  bytes: number;
  sha256: Buffer;
  /** The folder that holds its bytes. */
  storeId: string;
  createdAt: Date;
  expiresAt: Date | null;
};

export type FileLimits = {
  /** Of one file. */
  fileBytesMax: number;
  /** Of all files of an organization together. */
  organizationBytesMax: number;
};

const FILE_ID = /^file-[0-9a-f]{32}$/;
export const FILE_NAME_CHARS_MAX = 255;

export const isFileId = (text: string): boolean => FILE_ID.test(text);

/** In the order of their making. */
export const newFileId = (): string => `file-${Bun.randomUUIDv7().replaceAll("-", "")}`;

/** Shown to people and sent in headers: without what could break either. */
export function toFileName(text: string): string {
  const plain = text.toWellFormed().replace(/[\p{Cc}\p{Cf}]/gu, "");
  const base = plain.split(/[/\\]/).at(-1)?.trim() ?? "";
  return base === "" ? "file" : base.slice(-FILE_NAME_CHARS_MAX).toWellFormed();
}

/** Files lie in folders by the end of their ids, which is drawn at random; the beginning is the time. */
export function shelfOf(fileId: string): string {
  assert(isFileId(fileId), "only a file id becomes a part of a path");
  return fileId.slice(-2);
}
