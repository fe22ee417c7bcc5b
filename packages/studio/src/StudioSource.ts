/**
 * Where a studio takes its runs from: an emulator, the hosted service, or what a test scripts.
 *
 * @since 0.1.0
 */
import type { Expected, Finding } from "@effect-noukai/report/Reconcile"
import type { Session } from "@effect-noukai/sdk/SessionService"
import type { Trace } from "@effect-noukai/sdk/Trace"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { PageOfRuns } from "./RunList.js"
import type { NotFound, Points, Run, RunDetail, RunFilter, RunPage, Source, Unavailable } from "./RunsApi.js"

/**
 * A run and its stored steps.
 *
 * @since 0.1.0
 * @category models
 */
export interface StoredRun {
  readonly run: Run
  readonly trace: Trace
  /** Facts that are known only of a run that was watched. */
  readonly watched?: NonNullable<RunDetail["watched"]>
  /** The messages between steps and their tools, by the ids of the steps. */
  readonly conversations?: { readonly [stepId: string]: unknown }
  /** The body of the request that began it. */
  readonly request?: { readonly [name: string]: unknown }
}

/**
 * A session as its server gives it.
 *
 * @since 0.1.0
 * @category models
 */
export interface StoredSession {
  readonly session: Session
  /** Its runs, one for each execution of the session, in their order. */
  readonly runs: ReadonlyArray<Run>
}

/**
 * The facts of a flow for a form about a new run.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowFacts {
  /** The published versions, oldest first, and `draft`. */
  readonly versions: ReadonlyArray<string>
  /** The one of `versions` that is in production. */
  readonly production: string
  /** Whether a run needs a message. */
  readonly needsMessage: boolean
  /** The JSON Schema of its parameters. */
  readonly parametersSchema: object
  /** The steps that are not in loops, in order. */
  readonly steps: ReadonlyArray<string>
}

/**
 * Compares expected runs with those of the server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reconciler {
  /** Whether it sends no requests. */
  readonly isFree: boolean
  /** The findings, in the order of the runs. Reads a session for each, and the run, at most so many a second. */
  readonly findings: (
    expected: Stream.Stream<Expected, Unavailable>,
    perSecond: number
  ) => Stream.Stream<Finding, Unavailable>
}

/**
 * A change of the list of runs. `Reset`: any number of runs may have changed or gone, so that the list is to be read again.
 *
 * @since 0.1.0
 * @category models
 */
export type RunChange =
  | { readonly _tag: "Changed"; readonly run: Run }
  | { readonly _tag: "Gone"; readonly id: string }
  | { readonly _tag: "Reset" }

/**
 * The types of {@link StudioSource}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace StudioSource {
  /**
   * The reads of a studio. None of them begins a run or costs anything.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** The server. The studio adds its views. */
    readonly source: Effect.Effect<Omit<Source, "views">, Unavailable>
    /** A part of the list of runs, newest first unless the page names another order. */
    readonly list: (filter: RunFilter, page: PageOfRuns) => Effect.Effect<RunPage, NotFound | Unavailable>
    /** All runs of the list, newest first, as far as they are known: nothing is requested for each of them. */
    readonly runs: (filter: RunFilter) => Effect.Effect<ReadonlyArray<Run>, NotFound | Unavailable>
    /** The list as a picture. */
    readonly points: (filter: RunFilter) => Effect.Effect<Points, NotFound | Unavailable>
    /** Subscribes to the runs that begin and change. The stream has every change after the effect has succeeded. */
    readonly changes: Effect.Effect<Stream.Stream<RunChange>, never, Scope.Scope>
    readonly run: (flow: string, id: string) => Effect.Effect<StoredRun, NotFound | Unavailable>
    /** An element after the subscription, and then whenever a run may have changed, until it has ended. */
    readonly watch: (flow: string, id: string) => Stream.Stream<void, NotFound | Unavailable>
    readonly session: (id: string) => Effect.Effect<StoredSession, NotFound | Unavailable>
    /** The text of the cassette that `noukai session save` writes. */
    readonly cassette: (id: string) => Effect.Effect<string, NotFound | Unavailable>
    /** Absent where sessions cannot be read. */
    readonly reconciler?: Reconciler | undefined
    /** The facts of a flow. None if it does not exist. Absent where the server does not tell them. */
    readonly flow?: ((flow: string) => Effect.Effect<Option.Option<FlowFacts>>) | undefined
  }
}

/**
 * Where a studio takes its runs from.
 *
 * @since 0.1.0
 * @category tags
 */
export class StudioSource
  extends Context.Tag("@effect-noukai/studio/StudioSource")<StudioSource, StudioSource.Service>()
{}
