/**
 * A flow in a page: `createFlow` runs the flow behind `flowPage` of `@effect-noukai/adapters`, and keeps its progress. It
 * needs no framework, no Effect and no key. `useFlow` of `@effect-noukai/promise/react` is the same as a hook.
 *
 * @since 0.1.0
 */
import { frames } from "./internal/page/frames.js"

/**
 * A schema of a library that implements Standard Schema, version 1: Zod 4, Valibot, ArkType and others.
 *
 * @see https://standardschema.dev
 * @since 0.1.0
 * @category models
 */
export interface PageSchema<A> {
  readonly "~standard": {
    readonly version: 1
    readonly validate: (value: unknown) => PageSchemaResult<A> | PromiseLike<PageSchemaResult<A>>
    readonly types?: { readonly input: unknown; readonly output: A } | undefined
  }
}

/**
 * The result of a schema.
 *
 * @since 0.1.0
 * @category models
 */
export type PageSchemaResult<A> =
  | { readonly value: A; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<{ readonly message: string }> }

/**
 * The failure of a run, or of a request. `code` is a code of the server, such as `FLOW_FAILED`, `RUN_IN_PROGRESS` or
 * `FORBIDDEN`, or one of the page:
 *
 * - `CONNECTION`: the request failed. A run may exist and may be billed. The same message sent again is the same run.
 * - `STREAM_CUT`: the stream was cut again and again.
 * - `LOST`: the stream was cut, and the server shows no run that is under way. The same message sent again shows its run.
 * - `BAD_RESPONSE`: the response is not from `flowPage`.
 * - `INVALID_RESULT`, `INVALID_INPUT`: the result of the run, or the input of a tool, does not fit its schema.
 * - `UNKNOWN_TOOL`: the run calls a tool that `tools` does not have.
 * - `NOT_JSON`: an answer, or the `data` of `run`, holds a value that is not JSON, such as a `Map`, a promise or `NaN`. Nothing
 *   was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class PageError extends Error {
  override readonly name = "PageError"
  constructor(
    /** The code of the failure. */
    readonly code: string,
    /** The HTTP status of a refused request. */
    readonly status?: number | undefined
  ) {
    super(code)
  }
}

/**
 * The progress of a step.
 *
 * @since 0.1.0
 * @category models
 */
export interface PageStep {
  /** Differs between the rounds of a loop, so it is fit for a `key` of React. */
  readonly id: string
  readonly stepId: string
  /** 0-based, in the whole flow. */
  readonly index: number
  readonly name?: string
  readonly status: "running" | "completed" | "failed"
  /** Only if the server sends the outputs of steps. */
  readonly output?: unknown
}

/**
 * A call of a tool that waits for an answer of the page.
 *
 * @since 0.1.0
 * @category models
 */
export type PageCall<T extends object = Record<string, unknown>> = {
  readonly [K in keyof T & string]: { readonly id: string; readonly name: K; readonly input: T[K] }
}[keyof T & string]

/**
 * A tool of the page.
 *
 * @since 0.1.0
 * @category options
 */
export interface PageTool<I> {
  /** Checks the input of each call. */
  readonly parameters: PageSchema<I>
  /**
   * Answers a call. After a reload it answers an open call again. A thrown error is sent as the answer. Default: the call
   * is in `calls`, and `answer` of the flow answers it.
   */
  readonly answer?: ((input: I, context: { readonly id: string; readonly signal: AbortSignal }) => unknown) | undefined
}

/**
 * The options of a flow in a page.
 *
 * @since 0.1.0
 * @category options
 */
export interface PageOptions<R = unknown, T extends object = Record<string, unknown>> {
  /** The address of `flowPage`. */
  readonly url: string
  /** Names the chat, or the record that a form is about, among those of the user. A page that has it finds its run again. */
  readonly id: string
  /** Checks and types the result. Default: the result is `unknown`. */
  readonly result?: PageSchema<R> | undefined
  /** The tools of the page. Default: every call is in `calls`, and its input is not checked. */
  readonly tools?: { readonly [K in keyof T]: PageTool<T[K]> } | undefined
  /** Whether the first subscriber looks for a run that is under way. Default: true. */
  readonly resume?: boolean | undefined
  /** Headers of each request. */
  readonly headers?: (() => Record<string, string> | PromiseLike<Record<string, string>>) | undefined
  /** Default: the `fetch` of the page. */
  readonly fetch?: typeof fetch | undefined
}

/**
 * The state of a run.
 *
 * | status | meaning |
 * | --- | --- |
 * | `idle` | nothing has run, and no run was found |
 * | `running` | the run is under way |
 * | `waiting` | the run waits for answers to `calls` |
 * | `completed` | `result` is the result |
 * | `failed` | `error` is the failure |
 * | `cancelled` | the page cancelled the run |
 *
 * @since 0.1.0
 * @category models
 */
export type PageState<R = unknown, T extends object = Record<string, unknown>> =
  & {
    /** The steps that have begun, in order. */
    readonly steps: ReadonlyArray<PageStep>
    /** The text of the last step, as far as it is known. */
    readonly text: string
    /** The calls that wait for an answer of the page. */
    readonly calls: ReadonlyArray<PageCall<T>>
  }
  & PageOutcome<R>

/**
 * The outcome of a run. The status tells which of the fields is set.
 *
 * @since 0.1.0
 * @category models
 */
export type PageOutcome<R> =
  | {
    readonly status: "idle" | "running" | "waiting" | "cancelled"
    readonly result: undefined
    readonly error: undefined
  }
  | { readonly status: "completed"; readonly result: R; readonly error: undefined }
  | { readonly status: "failed"; readonly result: undefined; readonly error: PageError }

/**
 * The actions of a page. Their promises resolve when the run ends or waits for the page. They never reject.
 *
 * @since 0.1.0
 * @category models
 */
export interface PageActions<R = unknown, T extends object = Record<string, unknown>> {
  /**
   * Begins a run with a message, and with `data` for the `input` function of the server. Has no effect while a run is
   * under way, so a double click begins one run. A message that is sent again before its run has ended for the page, such
   * as after `CONNECTION` or `LOST`, keeps its id: the server then shows the run that it may have begun.
   */
  readonly run: (message: string, data?: unknown) => Promise<PageState<R, T>>
  /** Answers a call of `calls`. The run goes on when all have answers. Other ids are ignored. */
  readonly answer: (id: string, output: unknown) => Promise<PageState<R, T>>
  /**
   * Cancels the run for the page. Resolves with whether the server has stopped it. A server of several processes can only
   * stop the runs of the process that is asked, and one with `onDisconnect: "stop"` stops the run in any case. A run that
   * waits for answers is not stopped: a reload finds it again.
   */
  readonly cancel: () => Promise<boolean>
}

/**
 * A flow in a page.
 *
 * @since 0.1.0
 * @category models
 */
export interface PageFlow<R = unknown, T extends object = Record<string, unknown>> extends PageActions<R, T> {
  /** The state. It is the same object until something changes. */
  readonly state: () => PageState<R, T>
  /**
   * Calls the listener after each change. The first subscriber looks for a run that is under way, and follows it. When the
   * last one leaves, the stream is closed: the server then stops the run, or continues it, as its `onDisconnect` says.
   */
  readonly subscribe: (listener: () => void) => () => void
}

interface OpenCall {
  readonly name: string
  readonly input: unknown
}

/** The part of a chunk that is read. The adapters define all of it. */
interface Chunk {
  readonly type: string
  readonly id: string
  readonly messageId: string
  readonly data: Omit<PageStep, "id">
  readonly delta: string
  readonly toolCallId: string
  readonly toolName: string
  readonly input: unknown
  readonly providerExecuted?: true
  readonly errorText: string
}

/** The last word of a stream. */
type Ending =
  | { readonly type: "result"; readonly data: unknown }
  | { readonly type: "error"; readonly code: string }
  | { readonly type: "finish" }

type Send = (signal: AbortSignal) => Promise<Response>

type Answer =
  | { readonly state: "output-available"; readonly output: unknown }
  | { readonly state: "output-error"; readonly errorText: string }

/** The number of times that a stream is read again after a cut. */
const mostCuts = 5

const pending = <S extends "idle" | "running" | "waiting" | "cancelled">(status: S) =>
  ({ status, result: undefined, error: undefined }) as const

const blank = { steps: [], text: "", calls: [] } as const

/** 128 random bits. */
const newId = (): string => crypto.getRandomValues(new Uint32Array(4)).join("-")

/** The codes of a stream whose run may go on: the same message again shows that run. */
const openCode = /^(UNAVAILABLE|TIMEOUT|RUN_(STOPPED|IN_PROGRESS))$/

/** The code of a refusal, or of an `error` chunk. */
const codeOf = (text: string): string => {
  try {
    const { code } = JSON.parse(text)
    if (typeof code === "string") return code
  } catch {
    // no code
  }
  return "BAD_RESPONSE"
}

/** Whether JSON keeps a value. It makes `{}` of a `Map` or a promise, and `null` of `NaN`. */
const isJson = (value: unknown): boolean => {
  if (typeof value === "number") return Number.isFinite(value)
  if (typeof value !== "object" || value === null) return !["bigint", "function", "symbol"].includes(typeof value)
  if ("toJSON" in value) return true
  return (Array.isArray(value) || Object.prototype.toString.call(value) === "[object Object]") &&
    Object.values(value).every(isJson)
}

const check = async <A>(schema: PageSchema<A>, value: unknown, code: string): Promise<A> => {
  const checked = await schema["~standard"].validate(value)
  if (checked.issues !== undefined) throw new PageError(code)
  return checked.value
}

class Flow<R, T extends object> implements PageFlow<R, T> {
  #state: PageState<R, T> = { ...blank, ...pending("idle") }
  readonly #listeners = new Set<() => void>()
  readonly #waiters = new Set<() => void>()
  #work = new AbortController()
  #isBusy = false
  #cuts = 0
  /** The id of the run, as soon as a stream has told it. */
  #runId: string | undefined
  #isAgain = false
  #ending: Ending | undefined
  readonly #open = new Map<string, OpenCall>()
  readonly #answers = new Map<string, object>()
  /** The message whose run is not known to have ended. */
  #unsure: { readonly id: string; readonly parts: string } | undefined
  readonly #options: PageOptions<R, T>

  constructor(options: PageOptions<R, T>) {
    this.#options = options
  }

  readonly state = (): PageState<R, T> => this.#state

  readonly subscribe = (listener: () => void): () => void => {
    const own = () => listener()
    this.#listeners.add(own)
    if (this.#listeners.size === 1) this.#arrive()
    return () => {
      this.#listeners.delete(own)
      // a StrictMode of React leaves and comes back at once
      queueMicrotask(() => this.#leave())
    }
  }

  readonly run = (message: string, data?: unknown): Promise<PageState<R, T>> => {
    if (this.#state.status === "running") return this.#rested()
    if (!isJson(data)) {
      this.#fail("NOT_JSON")
      return this.#rested()
    }
    const text = { type: "text", text: message }
    const parts = JSON.stringify(data === undefined ? [text] : [text, { type: "data-input", data }])
    const id = this.#unsure?.parts === parts ? this.#unsure.id : newId()
    this.#unsure = { id, parts }
    this.#runId = undefined
    this.#cuts = 0
    this.#reset()
    this.#say({ id, role: "user", parts: JSON.parse(parts) })
    return this.#rested()
  }

  readonly answer = (id: string, output: unknown): Promise<PageState<R, T>> => {
    this.#cuts = 0
    if (this.#state.calls.some((call) => call.id === id)) {
      this.#give(id, { state: "output-available", output: output ?? null })
    }
    return this.#rested()
  }

  readonly cancel = async (): Promise<boolean> => {
    if (!this.#isOpen) return false
    this.#stop("cancelled")
    try {
      return (await this.#send("DELETE", "")).status === 204
    } catch {
      return false
    }
  }

  get #isOpen(): boolean {
    return ["running", "waiting"].includes(this.#state.status)
  }

  #arrive(): void {
    if (this.#options.resume === false || this.#isBusy || this.#state.status !== "idle") return
    this.#runId = undefined
    this.#cuts = 0
    void this.#follow(this.#look)
  }

  #leave(): void {
    if (this.#listeners.size > 0) return
    if (this.#isOpen) this.#stop("idle")
    else if (this.#isBusy) this.#stop()
  }

  #stop(status?: "idle" | "cancelled"): void {
    this.#work.abort()
    this.#isBusy = false
    if (status === "cancelled") this.#unsure = undefined
    if (status !== undefined) this.#become({ ...pending(status), calls: [] })
  }

  #reset(): void {
    this.#open.clear()
    this.#state = { ...blank, ...pending("running") }
  }

  #become(next: Partial<Pick<PageState<R, T>, "steps" | "text" | "calls">> & PageOutcome<R>): void {
    this.#state = { ...this.#state, ...next }
    this.#notify()
  }

  #notify(): void {
    for (const listener of [...this.#listeners, ...this.#waiters]) listener()
  }

  #rested(): Promise<PageState<R, T>> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#state.status === "running") return
        this.#waiters.delete(look)
        resolve(this.#state)
      }
      this.#waiters.add(look)
      look()
    })
  }

  /** Sends a message, or a request about the chat. */
  async #send(method: string, path: string, signal?: AbortSignal, body?: object): Promise<Response> {
    const { fetch = globalThis.fetch, headers, id, url } = this.#options
    return fetch(body ? url : `${url}/${encodeURIComponent(id)}${path}`, {
      method,
      headers: { ...await headers?.(), ...(body && { "content-type": "application/json" }) },
      body: body ? JSON.stringify(body) : null,
      signal: signal ?? null
    })
  }

  readonly #look: Send = (signal) => this.#send("GET", "/stream", signal)

  #say(message: object): void {
    this.#become(pending("running"))
    void this.#follow((signal) => this.#send("POST", "", signal, { id: this.#options.id, messages: [message] }))
  }

  /** Reads a run to its end, or to a pause. After a cut the stream of the run is read again from its start. */
  async #follow(send: Send): Promise<void> {
    this.#work.abort()
    const { signal } = this.#work = new AbortController()
    this.#isBusy = true
    let failure = await this.#read(send, signal)
    while (failure?.code === "STREAM_CUT" && this.#cuts < mostCuts && !signal.aborted) {
      const wait = 250 * 2 ** this.#cuts++
      await new Promise((resolve) => setTimeout(resolve, wait))
      if (!signal.aborted) failure = await this.#read(this.#look, signal)
    }
    if (signal.aborted) return
    this.#isBusy = false
    try {
      if (failure !== undefined) throw failure
      await this.#settle(signal)
    } catch (error) {
      if (!signal.aborted) this.#fail(error instanceof PageError ? error : "BAD_RESPONSE")
    }
  }

  #fail(error: PageError | string): void {
    this.#stop()
    this.#open.clear()
    const failed = typeof error === "string" ? new PageError(error) : error
    this.#become({ status: "failed", result: undefined, error: failed, calls: [] })
  }

  /** Reads one stream. */
  async #read(send: Send, signal: AbortSignal): Promise<PageError | undefined> {
    this.#ending = undefined
    this.#isAgain = send === this.#look
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
    try {
      const response = await send(signal)
      const { body, ok, status } = response
      // no run, or a server that cannot show it again
      if (this.#isAgain && (status === 204 || status === 501)) {
        return this.#runId === undefined ? undefined : new PageError("LOST", status)
      }
      if (!ok || body === null) return new PageError(codeOf(await response.text()), status)
      if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
        return new PageError("BAD_RESPONSE", status)
      }
      const push = frames((data) => data === "[DONE]" || this.#apply(JSON.parse(data)))
      const decoder = new TextDecoder()
      reader = body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (signal.aborted || done) break
        push(decoder.decode(value, { stream: true }))
        this.#notify()
      }
      if (this.#ending !== undefined) return undefined
    } catch (error) {
      if (error instanceof PageError) return error
      if (error instanceof SyntaxError) return new PageError("BAD_RESPONSE")
    } finally {
      reader?.cancel().catch(() => {})
    }
    return new PageError(this.#runId === undefined ? "CONNECTION" : "STREAM_CUT")
  }

  #apply(chunk: Chunk): void {
    const { data, id, toolCallId } = chunk
    const { steps, text } = this.#state
    switch (chunk.type) {
      case "start":
        if (this.#isAgain && this.#runId !== undefined && this.#runId !== chunk.messageId) throw new PageError("LOST")
        // a stream after a pause goes on, and any other one begins
        if (this.#isAgain || this.#runId === undefined) this.#reset()
        this.#runId = chunk.messageId
        break
      case "data-step": {
        const step = { id, ...data }
        const isKnown = steps.some((one) => one.id === id)
        const next = isKnown ? steps.map((one) => one.id === id ? step : one) : [...steps, step]
        this.#state = { ...this.#state, steps: next }
        break
      }
      case "text-start":
      case "text-delta":
        this.#state = { ...this.#state, text: chunk.type === "text-start" ? "" : text + chunk.delta }
        break
      case "tool-input-available":
        if (!chunk.providerExecuted) this.#open.set(toolCallId, { name: chunk.toolName, input: chunk.input })
        break
      case "tool-output-available":
        this.#open.delete(toolCallId)
        break
      case "data-result":
        this.#ending = { type: "result", data }
        break
      case "error":
        this.#ending = { type: "error", code: codeOf(chunk.errorText) }
        break
      case "finish":
        this.#ending ??= { type: "finish" }
    }
  }

  /** Acts on the end of a stream. */
  async #settle(signal: AbortSignal): Promise<void> {
    const { result: schema } = this.#options
    const ending = this.#ending
    if (ending?.type === "result" || (ending?.type === "error" && !openCode.test(ending.code))) this.#unsure = undefined
    if (ending?.type === "error") throw new PageError(ending.code)
    if (ending?.type === "result") {
      const { data } = ending
      // without a schema R is unknown
      const result = schema === undefined ? data as R : await check(schema, data, "INVALID_RESULT")
      if (!signal.aborted) this.#become({ status: "completed", result, error: undefined })
    } else if (this.#open.size > 0) await this.#pause(signal)
    else if (this.#state.status !== "idle") throw new PageError("BAD_RESPONSE")
  }

  async #pause(signal: AbortSignal): Promise<void> {
    this.#answers.clear()
    const calls: Array<OpenCall & { readonly id: string }> = []
    const answers: Array<() => void> = []
    const tools = this.#options.tools as { readonly [name: string]: PageTool<unknown> } | undefined
    for (const [id, { input, name }] of this.#open) {
      if (tools !== undefined && !Object.hasOwn(tools, name)) throw new PageError("UNKNOWN_TOOL")
      const tool = tools?.[name]
      const call = { id, name, input: tool ? await check(tool.parameters, input, "INVALID_INPUT") : input }
      if (tool?.answer === undefined) calls.push(call)
      else answers.push(() => void this.#answerBy(tool, call, signal))
    }
    if (signal.aborted) return
    // the inputs are of the types of their schemas
    const typed = calls as ReadonlyArray<unknown> as ReadonlyArray<PageCall<T>>
    this.#become({ ...pending(calls.length > 0 ? "waiting" : "running"), calls: typed })
    for (const answer of answers) answer()
  }

  async #answerBy(
    tool: PageTool<unknown>,
    { id, input }: Pick<OpenCall, "input"> & { id: string },
    signal: AbortSignal
  ) {
    let answer: Answer
    try {
      answer = { state: "output-available", output: await tool.answer?.(input, { id, signal }) ?? null }
    } catch (error) {
      answer = { state: "output-error", errorText: error instanceof Error ? error.message : String(error) }
    }
    if (!signal.aborted) this.#give(id, answer)
  }

  #give(toolCallId: string, answer: Answer): void {
    if ("output" in answer && !isJson(answer.output)) return this.#fail("NOT_JSON")
    this.#answers.set(toolCallId, { type: `tool-${this.#open.get(toolCallId)?.name}`, toolCallId, ...answer })
    const calls = this.#state.calls.filter(({ id }) => id !== toolCallId)
    this.#become({ ...pending(calls.length > 0 ? "waiting" : "running"), calls })
    if (this.#answers.size < this.#open.size) return
    const parts = [...this.#answers.values()]
    this.#open.clear()
    this.#say({ id: this.#runId, role: "assistant", parts })
  }
}

/**
 * Creates a flow of a page. Nothing is sent before the first `run` or `subscribe`.
 *
 * @example
 * ```ts
 * import { createFlow } from "@effect-noukai/promise/page"
 *
 * const triage = createFlow({ url: "/api/triage", id: "order-17" })
 * triage.subscribe(() => console.log(triage.state().text))
 * await triage.run("Where is it?")
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const createFlow = <R = unknown, T extends object = Record<string, unknown>>(
  options: PageOptions<R, T>
): PageFlow<R, T> => new Flow(options)
