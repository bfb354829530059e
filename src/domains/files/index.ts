/** The door of files. */
export {
  type FileLimits,
  type FilePurpose,
  isFileId,
  type StoredFile,
  type Tenant,
  uploadPurposes,
} from "./file.ts";
export { ArrivingFile, Files } from "./files.ts";
export { FileFolder } from "./folder.ts";
export { holdFile, listAllFiles, releaseFile } from "./store.ts";
