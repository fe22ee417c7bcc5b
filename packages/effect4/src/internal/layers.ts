/** Layers of services over a connection. */
import * as Runtime from "@effect-noukai/promise/runtime"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as FlowService from "../FlowService.js"
import * as JobService from "../JobService.js"
import { InvalidRequestError } from "../NoukaiError.js"
import { NoukaiHttp } from "../NoukaiHttp.js"
import type { Options, Services } from "../NoukaiOptions.js"
import * as RunService from "../RunService.js"
import * as SessionService from "../SessionService.js"
import { call } from "./call.js"
import type { Failures } from "./failures.js"
import { withMillis } from "./input.js"

/** Returns the options for the Promise client, which checks them. */
const plainOptions = ({ apiKey, rate, ...options }: Options): Runtime.RuntimeOptions => {
  const interval = typeof rate === "object" ? Duration.fromInput(rate.interval) : Option.none()
  return withMillis({
    ...options,
    apiKey: Redacted.isRedacted(apiKey) ? Redacted.value(apiKey) : apiKey,
    rate: typeof rate === "object" && Option.isSome(interval)
      ? { limit: rate.limit, interval: Duration.toMillis(interval.value) }
      : rate
  }) as Runtime.RuntimeOptions
}

export const configProblem = (cause: Config.ConfigError): InvalidRequestError => {
  const reason = `could not be read: ${cause.message.replace(/\s*\n\s*/g, " ")}`
  const message = `Noukai: invalid configuration: ${reason}`
  return new InvalidRequestError({
    method: "Noukai",
    isRetryable: false,
    field: "configuration",
    reason,
    message,
    cause
  })
}

const names = ["NOUKAI_API_KEY", "NOUKAI_ENV", "NOUKAI_REPLAY_ENABLED"] as const

const variables = Effect.mapError(
  Effect.forEach(
    names,
    (name) => Effect.map(Config.option(Config.String(name)), (value) => [name, Option.getOrUndefined(value)] as const)
  ),
  configProblem
)

type Variables = NonNullable<Runtime.RuntimeSettings["variables"]>

/** Opens a connection with these variables, which is closed with its scope. */
export const connectionWith = <E>(
  variables: Variables,
  tags: Failures<E>,
  options: Options,
  source: Runtime.RuntimeSource | undefined
): Effect.Effect<NoukaiHttp.Service, E, Scope.Scope> =>
  Effect.flatMap(Effect.context<never>(), (context) => {
    const warn = (message: string) => {
      Effect.runForkWith(context)(Effect.logWarning(message))
    }
    const opened = call(tags, async () => {
      const runtime = await Runtime.open(plainOptions(options), { source, variables, warn })
      return { runtime }
    })
    return Effect.acquireRelease(opened, ({ runtime }) => Effect.promise(() => runtime.close()))
  })

/** Opens a connection with the variables of the configuration. */
export const connection = <E>(
  tags: Failures<E>,
  options: Options,
  source?: Runtime.RuntimeSource
): Effect.Effect<NoukaiHttp.Service, E | InvalidRequestError, Scope.Scope> =>
  Effect.flatMap(variables, (found) => connectionWith(Object.fromEntries(found), tags, options, source))

/** Returns the services over a connection. */
export const servicesOver = (http: NoukaiHttp.Service): Context.Context<Services> =>
  Context.make(NoukaiHttp, http).pipe(
    Context.add(FlowService.FlowService, FlowService.make(http)),
    Context.add(JobService.JobService, JobService.make(http)),
    Context.add(RunService.RunService, RunService.make(http)),
    Context.add(SessionService.SessionService, SessionService.make(http))
  )

/** Returns a layer of what a connection has. It is fresh, because each use of a client is one. */
export const layerOf = <A, E>(
  opened: Effect.Effect<NoukaiHttp.Service, E, Scope.Scope>,
  more: (http: NoukaiHttp.Service) => Context.Context<A>
): Layer.Layer<A, E> => Layer.fresh(Layer.effectContext(Effect.map(opened, more)))
