/** The door of files. */
export {
  FILE_NAME_CHARS_MAX,
  type FileLimits,
  type FilePurpose,
  isFileId,
  type StoredFile,
  type Tenant,
  uploadPurposes,
} from "./file.ts";
export { ArrivingFile, Files } from "./files.ts";
export { FileFolder } from "./folder.ts";
export { holdFile, type ListedFile, listAllFiles, releaseFile } from "./store.ts";
