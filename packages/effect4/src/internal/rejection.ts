/** Rejections of the Promise client as causes. */
import * as Cause from "effect/Cause"
import * as Errors from "../NoukaiError.js"
import type { Failures } from "./failures.js"

/** The cause of code of the caller, such as a tool, on its way through the Promise client. */
export class CodeFailure extends Error {
  constructor(readonly reason: Cause.Cause<unknown>) {
    super("code of the caller failed")
  }
}

/** Returns the cause of a rejection. An error of this package is a failure. */
export const causeOf = (error: unknown): Cause.Cause<unknown> =>
  error instanceof CodeFailure ? error.reason : Cause.fail(Errors.fromRejection(error) ?? error)

/** Returns the cause of a rejection of an operation. An error that it does not have is a defect. */
export const failureOf = <E>(failures: Failures<E>, error: unknown): Cause.Cause<E> => {
  // handlers fail with what the type of the call says
  if (error instanceof CodeFailure) return error.reason as Cause.Cause<E>
  const found = Errors.fromRejection(error)
  return found !== undefined && Object.hasOwn(failures, found._tag)
    ? Cause.fail(found as E)
    : Cause.die(found ?? error)
}
