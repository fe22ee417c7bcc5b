/** The files of a platform, and of platforms without any. */
import * as Effect from "effect/Effect"

/** The reason why a file could not be read or written. */
export class FileFailure {
  readonly _tag = "FileFailure"
  constructor(
    readonly reason: "NotFound" | "TooLarge" | "Files",
    readonly detail: string,
    readonly cause?: unknown
  ) {}
}

export interface Files {
  /** The text of a file of at most so many bytes. */
  readonly read: (path: string, maxBytes: number) => Effect.Effect<string, FileFailure>
  /** Replaces a file as a whole: a reader, and a crash at any moment, finds the old text or the new one. */
  readonly write: (path: string, text: string) => Effect.Effect<void, FileFailure>
}

const nowhere = Effect.suspend(() => Effect.fail(new FileFailure("Files", "there are no files on this platform")))

/** The file system of runtimes in which none is known: every operation fails. */
export const files: Files = { read: () => nowhere, write: () => nowhere }
