/** The runs that a studio has begun: one for each intention. */
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { InvalidRun, type RunInput, type RunRequest, StaleForm, type StartedRun } from "../RunAgainApi.js"
import { NotFound } from "../RunsApi.js"
import type { StudioRunner } from "../StudioRunner.js"
import { messageOf, toUnavailable } from "./failures.js"
import { type Mask } from "./text.js"

/** How long a request waits for the id of its run. */
const patience = "10 seconds"

interface Start {
  readonly input: RunInput
  /** Whether the id of the run is known, or that there is none. */
  readonly isKnown: Deferred.Deferred<void>
  outcome: StartedRun
}

type Ending = Pick<StartedRun, "state" | "problem">

const lookAtList = "Look for its session in the list before you run it again."

/** Whether a response says that no run began. */
const isRefusal = (error: CallError): boolean => {
  switch (error._tag) {
    case "APIConnectionError":
    case "APITimeoutError":
      return error.sent === "no"
    case "UnexpectedResponseError":
      return false
    case "FlowExecutionError": {
      const { status, statusCode } = error
      // after a 408 a run may still have begun
      return status !== "failed" && statusCode !== undefined && statusCode >= 400 && statusCode < 500 &&
        statusCode !== 408
    }
    default:
      return true
  }
}

/** The end of a run that failed with an error. `run`: its id, if known. `isWalked`: the id was known before a later request failed. */
const endingOf = (error: CallError, run: string | undefined, isWalked: boolean): Ending => {
  const message = messageOf(error)
  if (run === undefined) {
    return isRefusal(error)
      ? { state: "refused", problem: toUnavailable(error) }
      : {
        state: "unknown",
        problem: { message: `It is not known whether the run began: ${message}`, advice: lookAtList }
      }
  }
  // without a status code, the run itself said that it failed
  return error._tag === "FlowExecutionError" &&
      (error.status === "failed" || error.statusCode === undefined || !isWalked)
    ? { state: "ended", problem: { message } }
    : {
      state: "stopped",
      problem: {
        message,
        ...error._tag !== "CostLimitError" && {
          advice: "Its current step may go on at the server, and be billed. Look at the run before you run it again."
        }
      }
    }
}

/** The runs of a studio. */
export interface Starts {
  /** Begins the run of an intention, or returns the outcome of the one that it has begun. */
  readonly begin: (request: RunRequest) => Effect.Effect<StartedRun, InvalidRun | StaleForm>
  readonly outcome: (intention: string) => Effect.Effect<StartedRun, NotFound>
}

/** Begins runs for the life of the scope, not of a request. `studio`: the id of this start of the studio. */
export const make = (
  runner: StudioRunner.Service,
  studio: string,
  mask: Mask
): Effect.Effect<Starts, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope): Starts => {
    // all of them: a repeated request must not begin a second run, however late it comes
    const starts = new Map<string, Start>()

    const waited = (start: Start) =>
      Deferred.await(start.isKnown).pipe(
        Effect.timeoutOption(patience),
        Effect.map(() => start.outcome)
      )

    const ended = ({ run }: StartedRun, exit: Exit.Exit<void, CallError>): Ending & Pick<StartedRun, "run"> => {
      if (Exit.isSuccess(exit)) return { state: "ended" }
      const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
      const id = run ?? (error !== undefined && "executionId" in error ? error.executionId : undefined)
      return {
        ...id !== undefined && { run: id },
        ...error !== undefined ? endingOf(error, id, run !== undefined) : {
          state: id === undefined ? "unknown" : "stopped",
          problem: { message: "The studio failed while the run went on.", advice: lookAtList }
        }
      }
    }

    const run = (start: Start) =>
      runner.run(start.input, start.outcome.sessionId, (id) =>
        Effect.suspend(() => {
          start.outcome = { ...start.outcome, state: "running", run: id }
          return Deferred.succeed(start.isKnown, undefined)
        })).pipe(
          Effect.onExit((exit) =>
            Effect.suspend(() => {
              start.outcome = { ...start.outcome, ...ended(start.outcome, exit) }
              return Deferred.succeed(start.isKnown, undefined)
            })
          ),
          Effect.catchAllCause((cause) =>
            Cause.isDie(cause)
              ? Effect.logError("The studio failed to run a flow", mask(Cause.pretty(cause)))
              : Effect.void
          )
        )

    const begun = (request: RunRequest): Effect.Effect<Start, InvalidRun | StaleForm> =>
      Effect.suspend((): Effect.Effect<Start, InvalidRun | StaleForm> => {
        const { input, studio: form } = request
        const intention = request.intention.toLowerCase()
        const known = starts.get(intention)
        if (known !== undefined) {
          return JSON.stringify(known.input) === JSON.stringify(input) ? Effect.succeed(known) : new InvalidRun({
            message: "This form has already begun a run of another input.",
            advice: "Look at its run, and open the form again for another one."
          })
        }
        if (form !== studio) {
          return new StaleForm({
            message: "The studio was started again since this form was opened. Nothing was sent.",
            advice: "If you have begun the run before, look for it in the list. Otherwise open the form again."
          })
        }
        const start: Start = {
          input,
          isKnown: Deferred.unsafeMake(FiberId.none),
          outcome: { state: "starting", intention, flow: input.flow, sessionId: intention }
        }
        // before anything is sent: a second request finds it
        starts.set(intention, start)
        return Effect.as(Effect.forkIn(Effect.interruptible(run(start)), scope), start)
      })

    return {
      begin: (request) => Effect.flatMap(Effect.uninterruptible(begun(request)), waited),
      outcome: (intention) =>
        Effect.suspend(() => {
          const start = starts.get(intention.toLowerCase())
          return start === undefined
            ? new NotFound({
              message: "This studio has not begun that run.",
              advice: "If the studio was started again since then, look for the run in the list."
            })
            : waited(start)
        })
    }
  })
