import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import * as Stream from "effect/Stream"
import type { HttpService } from "../operations/operations.js"

/** The session of a call, and whether it is answered from a recording. */
export interface Scope {
  readonly mode: "capture" | "replay" | "session"
  readonly sessionId: string
  /** The service of a replay, in a replay. */
  readonly http: HttpService | undefined
}

/**
 * The scope of the calling fiber; by default there is none.
 */
export class CurrentScope extends Context.Reference<CurrentScope>()("@effect-noukai/sdk/TraceScope", {
  defaultValue: (): Scope | undefined => undefined
}) {}

/**
 * The replay that a fiber is in. A fiber stays in it whatever context it is given, such as that of a program that
 * captures; joining the fiber does not enter it.
 */
const currentReplay: FiberRef.FiberRef<Scope | undefined> = globalValue(
  "@effect-noukai/sdk/currentReplay",
  () => FiberRef.unsafeMake<Scope | undefined>(undefined, { join: (parent) => parent })
)

export const scopeOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Scope | undefined => {
  const scope = Context.get(fiber.currentContext, CurrentScope) ?? undefined
  return scope?.http === undefined ? fiber.getFiberRef(currentReplay) ?? scope : scope
}

export const currentScope: Effect.Effect<Scope | undefined> = Effect.withFiberRuntime((fiber) =>
  Effect.succeed(scopeOf(fiber))
)

const replayIn = (scope: Scope | undefined): Scope | undefined => scope?.http === undefined ? undefined : scope

/**
 * The scope that results from entering a scope. Only another replay leaves a replay: in it a capture joins, a named
 * session is answered from that session, and `undefined` changes nothing.
 */
export const entered = (enclosing: Scope | undefined, scope: Scope | undefined): Scope | undefined => {
  if (enclosing?.http === undefined || scope?.http !== undefined) return scope
  return scope?.mode === "session" ? { ...scope, http: enclosing.http } : enclosing
}

const placed = <A, E, R>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  scope: Scope | undefined,
  body: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const provided = Effect.provideService(body, CurrentScope, scope)
  const replay = replayIn(scope)
  // an unchanged reference is not set, so that a runtime taken inside says nothing of replays
  return fiber.getFiberRef(currentReplay) === replay ? provided : Effect.locally(provided, currentReplay, replay)
}

export const within = <A, E, R>(scope: Scope | undefined, body: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => placed(fiber, entered(scopeOf(fiber), scope), body))

/** Runs an effect in this scope and no other, also out of a replay, for the requests of a replay itself. */
export const leavingReplay = <A, E, R>(
  scope: Scope | undefined,
  body: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => Effect.withFiberRuntime((fiber) => placed(fiber, scope, body))

export const streamWithin = <A, E, R>(
  scope: Scope | undefined,
  body: Stream.Stream<A, E, R>
): Stream.Stream<A, E, R> =>
  Stream.unwrapScoped(Effect.flatMap(currentScope, (enclosing) => {
    const inside = entered(enclosing, scope)
    const provided = Stream.provideService(body, CurrentScope, inside)
    const replay = replayIn(inside)
    return replay === undefined ? Effect.succeed(provided) : Effect.map(
      Stream.toPull(provided),
      (pull) => Stream.repeatEffectChunkOption(Effect.locally(pull, currentReplay, replay))
    )
  }))
