/** What a pull tells while it works; the command line draws it, the supervisor logs it. */
export type PullProgress =
  | {
      kind: "model";
      name: string;
      sizeBytes: number | undefined;
      licence: string | undefined;
      licenceUrl: string | undefined;
    }
  | { kind: "trying"; source: string }
  | { kind: "bytes"; source: string; bytes: number; totalBytes: number | undefined }
  | { kind: "checking"; source: string }
  | { kind: "failed"; source: string; reason: string }
  | { kind: "done"; source: string; path: string };

export type OnProgress = (progress: PullProgress) => void;
