/**
 * The script of `Noukai.layerScripted`: an implementation that answers from a queue and remembers its requests.
 * `@effect-noukai/report/testing` builds results, events and cassettes.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Record from "effect/Record"
import * as Stream from "effect/Stream"
import { type StreamName, streamNames } from "./internal/kit/endpoints.js"
import { type Names, orThrow } from "./internal/kit/names.js"
import { forwardThrough, onceThrough } from "./internal/operations/fake.js"
import { orElse } from "./internal/operations/operations.js"
import { type AnsweredOperation, type EventStreams, type Operations, readBody } from "./internal/operations/requests.js"
import type { WireEvent } from "./internal/operations/wireEvent.js"
import type { CallError } from "./NoukaiError.js"
import * as NoukaiHttp from "./NoukaiHttp.js"

/**
 * An operation that can be scripted.
 *
 * @since 0.1.0
 * @category models
 */
export type Operation = AnsweredOperation | keyof EventStreams

type RequestOf = { readonly [K in keyof Operations]: Operations[K]["request"] } & EventStreams

type AnswerOf =
  & { readonly [K in keyof Operations]: Effect.Effect<Operations[K]["response"], Operations[K]["error"]> }
  & { readonly [K in keyof EventStreams]: Stream.Stream<WireEvent, CallError> }

/**
 * The request of an operation.
 *
 * @since 0.1.0
 * @category models
 */
export type Request<K extends Operation> = RequestOf[K]

/**
 * The answer to an operation: the effect or stream itself, so that a script can also fail or stall.
 *
 * @since 0.1.0
 * @category models
 */
export type Answer<K extends Operation> = AnswerOf[K]

/**
 * A call that the scripted service received.
 *
 * @since 0.1.0
 * @category models
 */
export type ScriptedCall = {
  readonly [K in Operation]: { readonly endpoint: K; readonly request: Request<K> }
}[Operation]

/**
 * Answers by endpoint, served in order.
 *
 * @since 0.1.0
 * @category models
 */
export type Answers = { readonly [K in Operation]?: ReadonlyArray<Answer<K>> | undefined }

/**
 * The types of {@link ScriptedHttp}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace ScriptedHttp {
  /**
   * The controls of a scripted service: its requests so far, and its next answers.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** The calls so far, in order. */
    readonly calls: Effect.Effect<ReadonlyArray<ScriptedCall>>
    /** The requests to one endpoint so far, in order. */
    readonly requests: <K extends Operation>(endpoint: K) => Effect.Effect<ReadonlyArray<Request<K>>>
    /** Adds answers behind those that are not yet served. An operation that does not exist is a defect. */
    readonly queue: (answers: Answers) => Effect.Effect<void>
    /** Adds answers to `execute`, served in order. */
    readonly queueExecute: (...answers: ReadonlyArray<Answer<"execute">>) => Effect.Effect<void>
  }
}

/**
 * The controls of the scripted service.
 *
 * @since 0.1.0
 * @category tags
 */
export class ScriptedHttp extends Context.Tag("@effect-noukai/sdk/testing/ScriptedHttp")<
  ScriptedHttp,
  ScriptedHttp.Service
>() {}

/**
 * The initial state of a script.
 *
 * @since 0.1.0
 * @category models
 */
export type Script = Answers & {
  readonly defaults?: NoukaiHttp.NoukaiHttp.Service["defaults"] | undefined
}

const ofStreams = Object.fromEntries(streamNames.map((name) => [name, true])) as { readonly [N in StreamName]: true }

const names: Names<Script> = {
  defaults: {
    org: true,
    project: true,
    sessionId: true,
    timeout: true,
    replayEnabled: true,
    runPaths: true,
    server: { address: true, port: true },
    stepSpans: true,
    log: true,
    pause: true,
    scrub: true,
    interrupted: true,
    replayedSessionId: true
  } satisfies Names<NoukaiHttp.NoukaiHttp.Service["defaults"]>,
  ...Record.map(readBody, () => true as const),
  ...ofStreams
}

/**
 * Returns a script. Throws a `TypeError` for an operation that does not exist.
 *
 * @internal
 */
export const checkedScript = (script: Script): Script => orThrow("layerScripted", script, names)

/**
 * An implementation that answers from a queue. A call beyond the queue is a defect: the test did not expect it.
 *
 * @internal
 */
export const layer = (script: Script): Layer.Layer<NoukaiHttp.NoukaiHttp | ScriptedHttp> =>
  Layer.effectContext(Effect.sync(() => {
    const calls: Array<ScriptedCall> = []
    const queues = new Map<string, Array<unknown>>()
    const add = ({ defaults: _, ...answers }: Script): void => {
      for (const [endpoint, more = []] of Object.entries(answers)) {
        queues.set(endpoint, [...queues.get(endpoint) ?? [], ...more])
      }
    }
    add(script)

    /** Notes the call, and takes the next answer of its operation. */
    const take = <A>(endpoint: Operation, request: unknown): Effect.Effect<A> =>
      Effect.suspend(() => {
        calls.push({ endpoint, request } as ScriptedCall)
        const answer = queues.get(endpoint)?.shift() as A | undefined
        return answer === undefined
          ? Effect.dieMessage(`the script has no answer for ${endpoint}`)
          : Effect.succeed(answer)
      })

    const request = <K extends Operation & keyof Operations>(
      operation: K,
      input: Operations[K]["request"]
    ): Effect.Effect<Operations[K]["response"], Operations[K]["error"]> =>
      Effect.flatten(take<Effect.Effect<Operations[K]["response"], Operations[K]["error"]>>(operation, input))
    const http = NoukaiHttp.make({
      defaults: script.defaults ?? {},
      request: orElse({
        forward: forwardThrough((input) => request("execute", input)),
        ...onceThrough((input) => request("execute", input), (input) => request("submitJob", input))
        // every other operation can be scripted
      }, request as NoukaiHttp.NoukaiHttp.Service["request"]),
      stream: (operation, input) => Stream.unwrap(take<Stream.Stream<WireEvent, CallError>>(operation, input))
    })
    return Context.make(NoukaiHttp.NoukaiHttp, http).pipe(
      Context.add(ScriptedHttp, {
        calls: Effect.sync(() => [...calls]),
        requests: <K extends Operation>(endpoint: K) =>
          Effect.sync(() =>
            calls.filter((call) => call.endpoint === endpoint).map(({ request }) => request as Request<K>)
          ),
        queue: (answers) => Effect.sync(() => add(checkedScript(answers))),
        queueExecute: (...more) => Effect.sync(() => add({ execute: more }))
      })
    )
  }))
