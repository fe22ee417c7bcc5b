/**
 * A flow in a page: the wire, the options, and the store of turns. `flowPage` of the modules `web`, `express`, `nextjs` and
 * `platform` makes the handler.
 *
 * The wire is the UI message stream of the AI SDK: server-sent events with one {@link Chunk} each, and `[DONE]` at the
 * end. `useChat` reads it, and so does `useFlow` of `@effect-noukai/promise/react`.
 *
 * | request | meaning |
 * | --- | --- |
 * | `POST {api}` | `{ id, messages }`: runs the turn of the last message of the user, or takes the results of tools |
 * | `GET {api}/{id}/stream` | shows the newest turn of a chat from its start, and follows it; 204 if nothing is to be shown |
 * | `DELETE {api}/{id}` | cancels the turn that is under way in this process: 204, else 404 |
 *
 * A refusal is JSON, `{ "code": "RUN_IN_PROGRESS" }`, and so is the text of an `error` chunk. It has no other details.
 *
 * @since 0.1.0
 */
import type { Noukai } from "@effect-noukai/promise"
import type { AnySchema } from "@effect-noukai/promise/Schemas"
import type { Tool } from "@effect-noukai/promise/TypedTool"
import type { Attachment, CostLimit } from "@effect-noukai/sdk/Execution"
import type { FlowRef, FlowVersion } from "@effect-noukai/sdk/Flow"
import type * as Duration from "effect/Duration"
import { defaults as ofSettings } from "./internal/page/defaults.js"
import type { Verdict } from "./Relay.js"

/**
 * The progress of a step, as a page sees it.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepData {
  readonly stepId: string
  /** 0-based, in the whole flow. */
  readonly index: number
  readonly name?: string
  readonly status: "running" | "completed" | "failed"
  /** Only with `steps: "outputs"`, when the step has completed. */
  readonly output?: unknown
}

/**
 * A chunk of a stream. The names and fields are those of the AI SDK.
 *
 * - `start` begins a message. `messageId` is the id of the run, so that a stream that is read again replaces the message.
 * - `data-step` has the id `stepId#round`. A chunk with the same id replaces the one before.
 * - `text-delta` adds text of the last step. Text that does not continue the text before begins another part.
 * - `tool-input-available` is a call of a tool. With `providerExecuted` the server answers it; the input and the output
 *   are then null, unless `steps` is `"outputs"`. Without it the stream ends, and the page sends the result.
 * - `data-result` has the result of the flow.
 * - `error` has the text `{"code":"…"}`.
 *
 * @since 0.1.0
 * @category models
 */
export type Chunk =
  | { readonly type: "start"; readonly messageId: string }
  | { readonly type: "start-step" }
  | { readonly type: "data-step"; readonly id: string; readonly data: StepData }
  | { readonly type: "text-start"; readonly id: string }
  | { readonly type: "text-delta"; readonly id: string; readonly delta: string }
  | { readonly type: "text-end"; readonly id: string }
  | {
    readonly type: "tool-input-available"
    readonly toolCallId: string
    readonly toolName: string
    readonly input: unknown
    readonly providerExecuted?: true
  }
  | {
    readonly type: "tool-output-available"
    readonly toolCallId: string
    readonly output: unknown
    readonly providerExecuted?: true
  }
  | { readonly type: "finish-step" }
  | { readonly type: "data-result"; readonly id: "result"; readonly data: unknown }
  | { readonly type: "finish" }
  | { readonly type: "error"; readonly errorText: string }

/**
 * A part of a message of a page. Only `text` parts, and the results of tools in the last message, are used. All of it comes
 * from the page, so it may be invented.
 *
 * @since 0.1.0
 * @category models
 */
export interface MessagePart {
  readonly type: string
  /** The text of a `text` part. */
  readonly text?: string | undefined
  readonly [key: string]: unknown
}

/**
 * A message of a page. All of it comes from the page, also a message of the assistant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Message {
  readonly id: string
  readonly role: "system" | "user" | "assistant"
  readonly parts: ReadonlyArray<MessagePart>
}

/**
 * The request of a page, for `authorize`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PageRequest {
  /** `run` is a POST, `resume` a GET, and `cancel` a DELETE. */
  readonly action: "run" | "resume" | "cancel"
  /** The id of the chat, which the page has chosen. */
  readonly chat: string
  /** The messages of a `run`; empty otherwise. */
  readonly messages: ReadonlyArray<Message>
}

/**
 * The input of a run, made of a conversation.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowInput {
  readonly message?: string | undefined
  readonly parameters?: { readonly [name: string]: unknown } | undefined
  /** At most 10. */
  readonly attachments?: ReadonlyArray<Attachment> | undefined
}

/**
 * The newest turn of a chat.
 *
 * @since 0.1.0
 * @category models
 */
export interface Turn {
  readonly turn: string
  /** Whether a process holds it: its lease has not ended. */
  readonly held: boolean
}

/**
 * The wish of a process to be the only one that runs turns of a chat for some time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Claim {
  /** The owner and the id of the chat, as one text of at most 2,048 characters. */
  readonly chat: string
  /** The turn that becomes the newest one: a text of at most 1,024 characters. */
  readonly turn: string
  /** Names the request that claims. It claims again to keep the lease, and with a lease of 0 to end it. */
  readonly holder: string
  /** Milliseconds. */
  readonly lease: number
}

/**
 * The newest turns of chats. Give a store that all processes share, such as a table of a database; without one each process
 * keeps its own, and a chat is not found by another.
 *
 * @since 0.1.0
 * @category models
 */
export interface Turns {
  /** Returns the newest turn of a chat. */
  readonly latest: (chat: string) => Turn | undefined | PromiseLike<Turn | undefined>
  /**
   * Makes the turn the newest one of its chat, and holds it for the time of the lease: in one atomic step, unless another
   * holder has a lease that has not ended. Returns whether it did.
   */
  readonly claim: (claim: Claim) => boolean | PromiseLike<boolean>
}

/**
 * The flow of a page, and the bounds of its requests.
 *
 * @since 0.1.0
 * @category options
 */
export interface Limits {
  /** The flow that runs. A page cannot choose another one. A bare slug needs a default org and project on the client. */
  readonly flow: FlowRef<never>
  /** Default: `"production"`. */
  readonly version?: Exclude<FlowVersion, "draft"> | undefined
  /** The steps that a page sees: none, their names, or also their outputs and the calls of server tools. Default: `"names"`. */
  readonly steps?: "none" | "names" | "outputs" | undefined
  /**
   * When the page leaves: `"stop"` ends the run after its current step, `"continue"` runs it to its end in this process.
   * Default: `"stop"`.
   */
  readonly onDisconnect?: "stop" | "continue" | undefined
  /** The turns that a GET shows: those that have not ended, or the latest one at all. Default: `"active"`. */
  readonly resume?: "active" | "latest" | undefined
  /** The cost in US dollars above which a run is stopped between two steps. Default: no limit. */
  readonly maxCostUsd?: CostLimit | undefined
  /** The limit of one response, its tools included. Default: none. */
  readonly timeout?: Duration.DurationInput | undefined
  /** The limit of rounds in which server tools answer, in one response. Default: 10. */
  readonly maxToolRounds?: number | undefined
  /** The store of turns. Default: in this process, which the log says once. */
  readonly turns?: Turns | undefined
  /** The largest body, in bytes. A larger one is a 413. Default: 262,144. */
  readonly maxBodyBytes?: number | undefined
  /** The time for the whole body to arrive. A later one is a 408. Default: 10 seconds. */
  readonly bodyTimeout?: Duration.DurationInput | undefined
  /** The time for `authorize` to decide. After it the caller is refused with 403. Default: 10 seconds. */
  readonly authorizeTimeout?: Duration.DurationInput | undefined
  /** The time between two comments that keep a quiet connection open. Default: 15 seconds. */
  readonly heartbeat?: Duration.DurationInput | undefined
}

/**
 * A tool that runs in the page. Its arguments and its results are checked on the server.
 *
 * @since 0.1.0
 * @category options
 */
export interface ClientTool<out S = AnySchema> {
  /** The description that the model reads. Default: none. */
  readonly description?: string | undefined
  /** The schema of an object whose fields are the arguments. Arguments that do not fit go back to the model. */
  readonly parameters: S
  /** The JSON Schema of `parameters` that the model reads. Default: the library of the schema makes it. */
  readonly jsonSchema?: Record<string, unknown> | undefined
  /** The schema of the result. One that does not fit is a 400, and nothing is sent. */
  readonly result: S
}

/**
 * The options of `flowPage` on a server with a client. `V` is the verdict of `authorize`.
 *
 * @since 0.1.0
 * @category options
 */
export interface PageHandlerOptions<in Request, V extends Verdict> extends Limits {
  /** The client with the key. */
  readonly client: Noukai
  /**
   * You pay for every run, so this function decides who may run the flow. It has no default. It is called for each request
   * and must not read the request's own body.
   *
   * `true` or an object, such as the user, allows the request. `false`, an error and any other value refuse it with 403
   * `FORBIDDEN`. An error with a `status` or `statusCode` from 400 to 599 is answered with that status, and its `detail`,
   * if that is a string, is the code. The caller never sees its message.
   */
  readonly authorize: (request: Request, asked: PageRequest) => V | PromiseLike<V>
  /** Returns the name of a caller, who alone finds its chats again: 1 to 256 characters. */
  readonly owner: (caller: Exclude<V, false>) => string
  /**
   * Makes the input of a run. All messages come from the page, those of the assistant too. An error with a `status` is
   * answered as one of `authorize`. Default: the text of the last message.
   */
  readonly input?:
    | ((messages: ReadonlyArray<Message>, caller: Exclude<V, false>) => FlowInput | PromiseLike<FlowInput>)
    | undefined
  /** Tools that run here, made by `defineTool`. In a pause with tools of the page they run when the page has answered. */
  readonly serverTools?: ReadonlyArray<Tool> | undefined
  /** Tools that run in the page, by their names. */
  readonly clientTools?: { readonly [name: string]: ClientTool } | undefined
}

/**
 * The default limits of a page. The size is in bytes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaults: typeof ofSettings = ofSettings
