/**
 * The scope and the budgets of asynchronous code that is not an Effect, carried by the platform's `AsyncLocalStorage` where
 * it has one.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import * as Stream from "effect/Stream"
import { ReplayInvalidSessionError } from "../../NoukaiError.js"
import type { Budget } from "../core/cost.js"
import { type AnyFiber, liveRandom, readFiber, withFiber } from "../core/fiber.js"
import { newError } from "../core/makeError.js"
import { isUuid, uuidOf } from "../kit/names.js"
import type { HttpService } from "./requests.js"

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
 * The replay that a fiber is in. A fiber stays in it in every context that it is given, such as the context of a
 * program that captures; joining the fiber does not enter it.
 */
const currentReplay: FiberRef.FiberRef<Scope | undefined> = globalValue(
  "@effect-noukai/sdk/currentReplay",
  () => FiberRef.unsafeMake<Scope | undefined>(undefined, { join: (parent) => parent })
)

export const scopeOf = (fiber: AnyFiber): Scope | undefined => {
  const scope = Context.get(fiber.currentContext, CurrentScope) ?? undefined
  return scope?.http === undefined ? fiber.getFiberRef(currentReplay) ?? scope : scope
}

export const currentScope: Effect.Effect<Scope | undefined> = readFiber(scopeOf)

const replayIn = (scope: Scope | undefined): Scope | undefined => scope?.http === undefined ? undefined : scope

/**
 * The scope that results from entering a scope. Only another replay leaves a replay: in it a capture joins, a named
 * session is answered from that session, and `undefined` changes nothing.
 */
export const entered = (enclosing: Scope | undefined, scope: Scope | undefined): Scope | undefined => {
  if (enclosing?.http === undefined || scope?.http !== undefined) return scope
  return scope?.mode === "session" ? { ...scope, http: enclosing.http } : enclosing
}

function placed<A, E, R>(
  fiber: AnyFiber,
  scope: Scope | undefined,
  body: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> {
  const provided = Effect.provideService(body, CurrentScope, scope)
  const replay = replayIn(scope)
  // an unchanged reference is not set, so that a runtime taken inside says nothing of replays
  return fiber.getFiberRef(currentReplay) === replay ? provided : Effect.locally(provided, currentReplay, replay)
}

export function within<A, E, R>(scope: Scope | undefined, body: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
  return withFiber((fiber) => placed(fiber, entered(scopeOf(fiber), scope), body))
}

/** Runs an effect in this scope and no other, also out of a replay, for the requests of a replay itself. */
export function leavingReplay<A, E, R>(scope: Scope | undefined, body: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
  return withFiber((fiber) => placed(fiber, scope, body))
}

export function streamWithin<A, E, R>(scope: Scope | undefined, body: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> {
  return Stream.unwrapScoped(Effect.flatMap(currentScope, (enclosing) => {
    const inside = entered(enclosing, scope)
    const provided = Stream.provideService(body, CurrentScope, inside)
    const replay = replayIn(inside)
    return replay === undefined ? Effect.succeed(provided) : Effect.map(
      Stream.toPull(provided),
      (pull) => Stream.repeatEffectChunkOption(Effect.locally(pull, currentReplay, replay))
    )
  }))
}

interface Ambient {
  readonly scope: Scope | undefined
  readonly budgets: ReadonlyArray<Budget>
}

interface Storage {
  readonly run: <A>(store: Ambient, f: () => A) => A
  readonly getStore: () => Ambient | undefined
}

const nothing: Ambient = { scope: undefined, budgets: [] }

/** A storage without the platform's help, in which a scope lasts until the first `await`. */
const synchronous = (current?: Ambient): Storage => ({
  getStore: () => current,
  run: (store, f) => {
    const before = current
    current = store
    try {
      return f()
    } finally {
      current = before
    }
  }
})

interface Host {
  readonly AsyncLocalStorage?: new() => Storage
  readonly process?: {
    readonly getBuiltinModule?: (id: string) => { readonly AsyncLocalStorage?: new() => Storage } | undefined
  }
}

const make = (): Storage => {
  const host = globalThis as Host
  const Platform = host.process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage ?? host.AsyncLocalStorage
  return Platform === undefined ? synchronous() : new Platform()
}

let storage: Storage | undefined

/** The scope and the budgets of code that is not an Effect. */
export const stored = (): Ambient => storage?.getStore() ?? nothing

/** Runs code that is not an Effect with another scope, other budgets, or both. */
export function runStored<A>(changes: Partial<Ambient>, f: () => A): A {
  const ambient = { ...stored(), ...changes }
  if (storage === undefined && ambient.scope === undefined && ambient.budgets.length === 0) return f()
  storage ??= make()
  return storage.run(ambient, f)
}

/**
 * Whether a value can be the id of a session: any UUID, in any case.
 *
 * @see docs/wire.md#sessions
 */
export const isSessionId: (id: unknown) => id is string = isUuid

export const isSameSession = (a: unknown, b: unknown): boolean =>
  typeof a === "string" && typeof b === "string" && a.toLowerCase() === b.toLowerCase()

/**
 * A new session id, a UUID of version 4. Effect's own generator begins each process with 32 random bits, too few for
 * ids that must differ between all processes of an application; so it is the platform's unless another was given.
 */
export const newSessionId: Effect.Effect<string> = Effect.randomWith((random) =>
  Effect.map(
    random === liveRandom
      ? Effect.sync((): ArrayLike<number> => globalThis.crypto.getRandomValues(new Uint8Array(16)))
      : Effect.all(Array.from({ length: 16 }, () => random.nextIntBetween(0, 256))),
    (bytes) => uuidOf(Uint8Array.from(bytes), 4)
  )
)

const maxQuoted = 60

/**
 * The error of an id that no session can have, found before anything is sent.
 *
 * @see docs/wire.md#sessions
 */
export const notSessionId = (method: string, id: unknown): ReplayInvalidSessionError => {
  const quoted = typeof id === "string" ? JSON.stringify(id.slice(0, maxQuoted)) : "the session id"
  return newError(ReplayInvalidSessionError, { method, detail: `${quoted} is not a UUID`, statusCode: 400 })
}
