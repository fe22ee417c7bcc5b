import * as Effect from "effect/Effect"
import { FileFailure, type Files } from "./Files.js"

const nowhere = Effect.suspend(() => Effect.fail(new FileFailure("Files", "there are no files on this platform")))

/** The file system of runtimes in which none is known: every operation fails. */
export const files: Files = { read: () => nowhere, write: () => nowhere }
