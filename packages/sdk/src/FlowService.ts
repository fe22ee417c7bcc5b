/**
 * Runs flows: `execute` answers when a run has ended.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type { CallOptions, Progress } from "./CallOptions.js"
import type { ExecuteResult, PausedResult } from "./ExecuteResult.js"
import type { AnyParameters, Flow, FlowVersion } from "./Flow.js"
import * as Address from "./internal/address.js"
import { milliseconds } from "./internal/duration.js"
import * as Input from "./internal/executeInput.js"
import type { Outcome, Run } from "./internal/executeRun.js"
import { post } from "./internal/executeRun.js"
import { encodeParameters } from "./internal/flowCodec.js"
import { invalid } from "./internal/invalid.js"
import { answeringOf } from "./internal/toolAnswering.js"
import { totalTimeout } from "./internal/totalTimeout.js"
import type { ExecuteError } from "./NoukaiError.js"
import { NoukaiHttp } from "./NoukaiHttp.js"
import * as Telemetry from "./Telemetry.js"
import * as Tools from "./Tools.js"
import { TraceScope } from "./TraceScope.js"

/**
 * An entry of `messages` (contract 5.4); other keys pass through untouched.
 *
 * @since 0.1.0
 * @category models
 */
export interface Message {
  readonly role: "user" | "assistant" | "tool"
  readonly content?: string | null | undefined
  readonly [key: string]: unknown
}

/**
 * An image for the flow (contract 5.5): an https URL of at most 2,048 characters that anyone can reach.
 *
 * @since 0.1.0
 * @category models
 */
export interface Attachment {
  readonly kind?: "url" | undefined
  readonly url: string
  readonly mime_type: "image/jpeg" | "image/png" | "image/webp" | "image/gif"
  /** At most 255 characters, without `/`, `\` or `..`. */
  readonly filename?: string | undefined
}

/**
 * What a run may be given, but for its parameters and tools.
 *
 * @since 0.1.0
 * @category options
 */
export interface RunOptions extends CallOptions {
  /** The user's message. With `messages`: not both. */
  readonly message?: string | undefined
  /** A conversation; its last entry is the current turn. An empty one counts as absent. */
  readonly messages?: ReadonlyArray<Message> | undefined
  /** Fields to override, by step id. */
  readonly blockOverrides?: { readonly [stepId: string]: { readonly [field: string]: unknown } } | undefined
  /** At most 10. */
  readonly attachments?: ReadonlyArray<Attachment> | undefined
  readonly toolChoice?: Tools.ToolChoice | undefined
  /** How often a handler may run; 0: never. Default: 10. */
  readonly maxToolRounds?: number | undefined
  /** How many calls of one round run at a time (tools made by `Tools.make`). Default: 4. */
  readonly toolConcurrency?: number | undefined
  /** A failing handler fails the run, or is reported to the model as a tool error. Default: `"fail"`. */
  readonly onToolFailure?: "fail" | "report" | undefined
  /** Asks the server to keep input and output snapshots of this run. Default: false. */
  readonly trace?: boolean | undefined
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
  /** Tags the run for replay. Default: the scope's, then the client's. */
  readonly sessionId?: string | undefined
  /** The whole call: attempts, waits and tool rounds. Default: the client's, none. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * What `execute` takes. `parameters` is required exactly when the flow's schema requires some.
 *
 * @since 0.1.0
 * @category options
 */
export type ExecuteInput<P = AnyParameters, T = undefined> =
  & RunOptions
  & ({} extends P ? { readonly parameters?: P | undefined } : { readonly parameters: P })
  & { readonly tools?: T }

/**
 * @since 0.1.0
 * @category models
 */
export declare namespace FlowService {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Runs a flow and waits for its end (contract 5).
     *
     * A run that failed is a `FlowExecutionError`. Without tools a run cannot pause; with tools declared by hand it may
     * end in a `PausedResult`; with a handler the loop runs by itself and adds the handler's errors and requirements.
     * A failure with `sent: "unknown"` may have started a run: it is never repeated unless `retryPost` says so.
     */
    readonly execute: <A = unknown, P = AnyParameters, T extends Tools.Tools | undefined = undefined>(
      flow: Flow.Ref<P, A>,
      input: ExecuteInput<NoInfer<P>, T>
    ) => Effect.Effect<
      ExecuteResult<A> | Tools.Paused<PausedResult<A>, T>,
      ExecuteError | Tools.HandlerError<T>,
      Tools.HandlerContext<T>
    >
  }
}

/**
 * @since 0.1.0
 * @category tags
 */
export class FlowService extends Context.Tag("@effect-noukai/sdk/FlowService")<FlowService, FlowService.Service>() {}

const method = "FlowService.execute"

const checkInput = (
  input: ExecuteInput<AnyParameters, Tools.Tools | undefined>,
  declarations: ReadonlyArray<Tools.ToolDeclaration> | undefined
): Input.Problem | undefined =>
  Input.checkMessages(input.message, input.messages) ??
    Input.checkParameters(input.parameters) ??
    Input.checkOverrides("blockOverrides", input.blockOverrides, true) ??
    Input.checkAttachments(input.attachments) ??
    Input.checkTools(declarations) ??
    Input.checkToolChoice(input.toolChoice, declarations) ??
    Input.checkCount("maxToolRounds", input.maxToolRounds, 0) ??
    Input.checkCount("toolConcurrency", input.toolConcurrency, 1)

const warnBytes = 900_000

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<FlowService.Service, never, NoukaiHttp> = Effect.map(NoukaiHttp, (http) => {
  let warned = false

  const warnOfSize = (messages: ReadonlyArray<unknown> | undefined): Effect.Effect<void> => {
    if (warned || messages === undefined || JSON.stringify(messages).length <= warnBytes) return Effect.void
    warned = true
    return Effect.logWarning(`${method}: messages passes 0.9 MB; the server takes at most 1,000,000 bytes`)
  }

  const execute = (
    flow: Flow.Ref<any, unknown>,
    input: ExecuteInput<AnyParameters, Tools.Tools | undefined>
  ): Effect.Effect<Outcome, unknown, unknown> =>
    Effect.withFiberRuntime((fiber) => {
      const resolved = Address.resolve(method, flow, http.defaults)
      if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
      const address = resolved.right
      const addressText = Address.format(address)
      const version = Address.checkVersion(method, input.version)
      if (Either.isLeft(version)) return Effect.fail(version.left)
      const declarations = Tools.isHandled(input.tools) ? input.tools.declarations : input.tools
      const problem = checkInput(input, declarations)
      if (problem !== undefined) {
        return Effect.fail(invalid(method, problem.field, problem.reason, { flow: addressText }))
      }
      const total = milliseconds(method, "timeout", input.timeout ?? http.defaults.timeout ?? Infinity)
      if (Either.isLeft(total)) return Effect.fail(total.left)

      const messages = input.messages === undefined || input.messages.length === 0 ? undefined : input.messages
      const progress: Progress = { sent: "no" }
      const start = (parameters: unknown): Effect.Effect<Outcome, unknown, unknown> => {
        const sticky = {
          parameters,
          blockOverrides: input.blockOverrides,
          attachments: Input.wireAttachments(input.attachments),
          tools: declarations,
          toolChoice: input.toolChoice,
          trace: input.trace ?? false
        }
        const run: Run = {
          http,
          method,
          flow,
          address,
          addressText,
          version: version.right,
          sessionId: input.sessionId ?? Context.get(fiber.currentContext, TraceScope)?.sessionId ??
            http.defaults.sessionId,
          options: input,
          progress,
          sticky,
          answering: answeringOf(input),
          executionId: undefined
        }
        const posted = post(run, { message: input.message, messages, ...sticky }, 0)
        return totalTimeout(
          posted,
          total.right,
          { method, flow: addressText, executionId: () => run.executionId },
          progress
        )
      }
      const encoded = Effect.flatMap(encodeParameters(method, addressText, flow, input.parameters), start)
      const warned = messages === undefined ? encoded : Effect.zipRight(warnOfSize(messages), encoded)
      return Telemetry.flowSpan(fiber, Telemetry.spanNames.execute, address, version.right, warned)
    })

  return { execute: execute as FlowService.Service["execute"] }
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<FlowService, never, NoukaiHttp> = Layer.effect(FlowService, make)
