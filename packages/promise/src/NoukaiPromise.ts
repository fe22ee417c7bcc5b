// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * The Promise client in programs that also use Effect. This is the only module with types of Effect.
 *
 * @since 0.1.0
 */
import * as Budget from "@effect-noukai/sdk/Budget"
import type { FlowService } from "@effect-noukai/sdk/FlowService"
import type { JobService } from "@effect-noukai/sdk/JobService"
import { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import type { RunService } from "@effect-noukai/sdk/RunService"
import * as Tools from "@effect-noukai/sdk/Tools"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import * as Function from "effect/Function"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Predicate from "effect/Predicate"
import { Client } from "./internal/client/client.js"
import { Lifetime } from "./internal/client/lifetime.js"
import { valueOrThrow } from "./internal/errors/promiseError.js"
import { reading, refusal } from "./internal/options/reading.js"
import { type Names, takeKnown } from "./internal/options/unknown.js"
import { withGate } from "./internal/scope/replayGate.js"
import { toolsOf } from "./internal/tools/toolHandling.js"
import { Noukai } from "./Noukai.js"
import type { Tool } from "./TypedTool.js"

/**
 * The services that a client requires of a runtime. `NoukaiLive`, `Noukai.layer` and `NoukaiReplay` provide them.
 *
 * @since 0.1.0
 * @category models
 */
export type Services = FlowService | JobService | RunService | NoukaiHttp

/**
 * The options of {@link fromRuntime} and {@link run}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * For a client: ends every call in flight and refuses later calls. For `run`: ends the effect, and the promise
   * rejects with the signal's reason. Default: none.
   */
  readonly signal?: AbortSignal | undefined
}

const names: Names<Options> = { signal: true }

/** The client of this package behind a value, if the value is one. */
const clientOf = (noukai: unknown): Client | undefined => {
  try {
    const transport = Predicate.hasProperty(noukai, "_transport") ? noukai._transport : undefined
    return Client.is(transport) ? transport : undefined
  } catch {
    return undefined
  }
}

/**
 * Creates a client over your own runtime: your layers, your tracer, your fakes. Closing the client ends its calls, but
 * not the runtime. The configuration of the runtime enables replays.
 *
 * Rejects if a layer fails.
 *
 * @example
 * ```ts
 * import { fromRuntime } from "@effect-noukai/promise/NoukaiPromise"
 * import { NoukaiLive } from "@effect-noukai/sdk"
 * import { ManagedRuntime } from "effect"
 *
 * const runtime = ManagedRuntime.make(NoukaiLive)
 * const client = fromRuntime(runtime)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromRuntime = async <E>(
  runtime: ManagedRuntime.ManagedRuntime<Services, E>,
  options?: Options
): Promise<Noukai> => {
  const { signal } = takeKnown("fromRuntime", options, names, Function.constVoid)
  if (!reading("fromRuntime", "runtime", () => ManagedRuntime.isManagedRuntime(runtime))) {
    throw refusal("fromRuntime", "runtime", "must be a ManagedRuntime")
  }
  const { defaults: { org, project, sessionId } } = valueOrThrow(await runtime.runPromiseExit(NoukaiHttp))
  return new Noukai(new Client(new Lifetime(runtime, async () => {}), { org, project, sessionId, signal }))
}

/**
 * Returns a client for Promise code that an Effect calls. All its calls use the scope and the budgets of the current
 * fiber.
 *
 * Without this, only the first synchronous calls see the fiber's scope. For code that creates its own client, use
 * `TraceScope.promise` of the SDK.
 *
 * @example
 * ```ts
 * import type { Noukai } from "@effect-noukai/promise"
 * import { NoukaiPromise } from "@effect-noukai/promise/effect"
 * import { Effect } from "effect"
 *
 * declare const noukai: Noukai
 * declare const legacyHandler: (client: Noukai) => Promise<string>
 *
 * const handled = Effect.flatMap(
 *   NoukaiPromise.inScope(noukai),
 *   (client) => Effect.tryPromise(() => legacyHandler(client))
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const inScope = (noukai: Noukai): Effect.Effect<Noukai> =>
  Effect.zipWith(TraceScope.current, Budget.current, (scope, budgets) => {
    const client = clientOf(noukai)
    return client === undefined ? noukai : new Noukai(client.pin(scope, budgets))
  })

/**
 * Runs an effect with the services of a client, for libraries around the client. The effect runs in the scope of the
 * calling code. `signal` and closing the client end it.
 *
 * Rejects with the effect's failure as an error of this package. Rejects with an `InvalidRequestError` for a client of
 * another copy of this package.
 *
 * @since 0.1.0
 * @category combinators
 */
export const run = async <A, E>(
  noukai: Noukai,
  effect: Effect.Effect<A, E, Services>,
  options?: Options
): Promise<A> => {
  const client = clientOf(noukai)
  if (client === undefined) throw refusal("run", "noukai", "must be a Noukai client of this package")
  const { signal } = takeKnown("run", options, names, Function.constVoid)
  if (!reading("run", "effect", () => Effect.isEffect(effect))) throw refusal("run", "effect", "must be an Effect")
  return await client.run(withGate(client.defaults.replayEnabled, effect), signal)
}

/**
 * Returns tools of `defineTool` as tools of the SDK, for libraries around the client. Throws an `InvalidRequestError` for
 * other tools.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toolSet = (tools: ReadonlyArray<Tool>): Tools.ToolSet<Error, never> => {
  if (!Array.isArray(tools)) throw refusal("toolSet", "tools", "must be an array")
  if (tools.length === 0) return Tools.handle([], () => Effect.succeed([]))
  const set = toolsOf([...tools], undefined)
  if (set === undefined || !("run" in set)) throw refusal("toolSet", "tools", "must be made by defineTool")
  return set
}
