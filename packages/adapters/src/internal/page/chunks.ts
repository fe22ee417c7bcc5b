/** Makes the chunks of a page of the events of a run. Costs, inputs and messages of errors are left behind. */
import type { FlowEvent } from "@effect-noukai/sdk/FlowEvent"
import { digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import * as Predicate from "effect/Predicate"
import type { Chunk, StepData } from "../../Page.js"

/** The steps that a page sees. */
export type Shown = "none" | "names" | "outputs"

/** A call of a tool that waits for its result, as a page knows it. */
export interface OpenCall {
  /** The id on the page. A model may use the id of a call again in a later round, and a page may not. */
  readonly pageId: string
  /** The party that answers: the page, a tool of the server, or nobody, since the arguments do not fit. */
  readonly by: "page" | "server" | "nobody"
  readonly name: string
  readonly input: unknown
}

/** The calls of a pause, by their ids in the run. */
export type OpenCalls = ReadonlyMap<string, OpenCall>

const none: OpenCalls = new Map()

/** The text of an `error` chunk, and the body of a refusal. */
export const codeText = (code: string): string => JSON.stringify({ code })

/** A code of the server that is fit for a page: it is a constant, and no text of a run. */
const publicCode = (code: unknown, otherwise: string): string =>
  typeof code === "string" && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : otherwise

interface CurrentStep extends Pick<StepData, "stepId" | "index"> {
  readonly name: string | undefined
  readonly id: string
}

/** The chunks of one run, in order. One encoder is fed with all events of the run. */
export class Chunks {
  private out: Array<Chunk> = []
  private readonly rounds = new Map<string, number>()
  private readonly callIds = new Map<string, number>()
  private stepCount: number | undefined
  private step: CurrentStep | undefined
  /** The step that paused: it may begin a second time. */
  private paused: string | undefined
  private isStarted = false
  private isInStep = false
  private texts = 0
  private isTextOpen = false
  private text = ""
  private open = none
  /** The code of the step that failed. */
  private problem: string | undefined

  constructor(private readonly shown: Shown) {}

  /** The calls that wait for results. */
  get waiting(): OpenCalls {
    return this.open
  }

  /** The chunks of an event. Those of a pause are made by {@link pause}. */
  of(event: FlowEvent): ReadonlyArray<Chunk> {
    // a run that went on has results that no event has
    this.answer(new Map())
    this.start(event)
    switch (event.type) {
      case "run_started":
        this.stepCount = event.stepCount
        break
      case "step_started":
        this.begin(event.stepId, event.stepIndex, event.name)
        break
      case "step_output":
        if (this.isLast && typeof event.outputData === "string") this.say(event.outputData)
        break
      case "step_completed":
        if (this.isLast && typeof event.output === "string") this.say(event.output)
        this.closeText()
        this.paused = undefined
        this.tell("completed", this.shown === "outputs" ? { output: event.output ?? null } : {})
        this.closeStep()
        break
      case "step_error":
        this.closeText()
        this.tell("failed")
        this.closeStep()
        this.problem = publicCode(event.code, "FLOW_FAILED")
        break
      case "flow_completed":
        if (typeof event.result === "string" && event.result !== this.text) this.say(event.result)
        this.closeText()
        this.closeStep()
        if (this.problem === undefined) {
          this.out.push({ type: "data-result", id: "result", data: event.result ?? null })
        }
    }
    return this.take()
  }

  /** Makes the calls of a pause wait, each under an id of its own. */
  pause(event: FlowEvent, calls: ReadonlyMap<string, Omit<OpenCall, "pageId">>): ReadonlyArray<Chunk> {
    this.answer(new Map())
    this.start(event)
    this.closeText()
    this.open = new Map([...calls].map(([id, call]) => {
      const count = (this.callIds.get(id) ?? 0) + 1
      this.callIds.set(id, count)
      return [id, { ...call, pageId: count === 1 ? id : `${id}#${count}` }]
    }))
    for (const { by, input, name: toolName, pageId: toolCallId } of this.open.values()) {
      if (by === "page") this.out.push({ type: "tool-input-available", toolCallId, toolName, input })
      if (by === "server" && this.shown !== "none") {
        const shown = this.shown === "outputs" ? input : null
        this.out.push({ type: "tool-input-available", toolCallId, toolName, input: shown, providerExecuted: true })
      }
    }
    this.paused = this.step?.stepId
    this.closeStep()
    return this.take()
  }

  /** The last chunks of a stream: of a run that has ended or waits for the page, or of a stream that failed. */
  end(code = this.problem): ReadonlyArray<Chunk> {
    this.closeText()
    this.closeStep()
    this.out.push(code === undefined ? { type: "finish" } : { type: "error", errorText: codeText(code) })
    this.isStarted = true
    return this.take()
  }

  /** Begins a stream that goes on after a pause of an earlier one. */
  goOn(executionId: string): ReadonlyArray<Chunk> {
    this.isStarted = true
    this.out.push({ type: "start", messageId: executionId })
    this.enter()
    return this.take()
  }

  /** The results of the calls that wait, by their ids in the run. Those of the page are known to it. */
  answered(results: ReadonlyMap<string, unknown>, isOfPageShown: boolean): ReadonlyArray<Chunk> {
    this.answer(results, isOfPageShown)
    return this.take()
  }

  /**
   * Names the run, by the first event that does: `run_started` is lost with a first response that was cut. The chunks
   * before it wait for it.
   */
  private start(event: FlowEvent): void {
    if (this.isStarted) return
    const messageId = "executionId" in event
      ? event.executionId
      : "cursor" in event
      ? event.cursor.executionId
      : undefined
    if (messageId === undefined) return
    this.isStarted = true
    this.out.unshift({ type: "start", messageId })
  }

  private take(): ReadonlyArray<Chunk> {
    if (!this.isStarted) return []
    const { out } = this
    this.out = []
    return out
  }

  private get isLast(): boolean {
    return this.stepCount !== undefined && this.step?.index === this.stepCount - 1
  }

  private begin(stepId: string, index: number, name: string | undefined): void {
    const round = (this.rounds.get(stepId) ?? 0) + (this.paused === stepId ? 0 : 1)
    this.rounds.set(stepId, round)
    this.paused = undefined
    this.step = { stepId, index, name, id: `${stepId}#${round}` }
    this.enter()
    this.tell("running")
  }

  private enter(): void {
    if (!this.isInStep) this.out.push({ type: "start-step" })
    this.isInStep = true
  }

  private tell(status: StepData["status"], more: { readonly output?: unknown } = {}): void {
    if (this.step === undefined || this.shown === "none") return
    const { id, index, name, stepId } = this.step
    const data = { stepId, index, ...(name !== undefined && { name }), status, ...more }
    this.out.push({ type: "data-step", id, data })
  }

  private say(text: string): void {
    const isMore = this.isTextOpen && text.startsWith(this.text)
    if (!isMore) {
      this.closeText()
      if (text === "") return
      this.enter()
      this.texts++
      this.out.push({ type: "text-start", id: `text-${this.texts}` })
      this.text = ""
      this.isTextOpen = true
    }
    const delta = text.slice(this.text.length)
    if (delta !== "") this.out.push({ type: "text-delta", id: `text-${this.texts}`, delta })
    this.text = text
  }

  private closeText(): void {
    if (this.isTextOpen) this.out.push({ type: "text-end", id: `text-${this.texts}` })
    this.isTextOpen = false
  }

  private closeStep(): void {
    if (this.isInStep) this.out.push({ type: "finish-step" })
    this.isInStep = false
  }

  private answer(results: ReadonlyMap<string, unknown>, isOfPageShown = true): void {
    for (const [id, { by, pageId: toolCallId }] of this.open) {
      const output = results.get(id) ?? null
      if (by === "page" && isOfPageShown) this.out.push({ type: "tool-output-available", toolCallId, output })
      if (by === "server" && this.shown !== "none") {
        const shown = this.shown === "outputs" ? output : null
        this.out.push({ type: "tool-output-available", toolCallId, output: shown, providerExecuted: true })
      }
    }
    this.open = none
  }
}

/** The text of chunks on the wire, with the digits of their numbers. */
export const frames = (chunks: ReadonlyArray<Chunk>): string =>
  chunks.map((chunk) => `data: ${stringifyJson(chunk, digitsWithin(chunk))}\n\n`).join("")

/** The last bytes of a stream. */
export const done = "data: [DONE]\n\n"

/** A comment, which readers skip. */
export const comment = ": keep-alive\n\n"

/**
 * The code of an error of a run, for a page. The error itself stays in the log: a refusal of Noukai is about the key and the
 * credits of the server.
 */
export const codeOf = (error: unknown): string => {
  if (!Predicate.hasProperty(error, "_tag")) return "INTERNAL_ERROR"
  switch (error._tag) {
    case "FlowExecutionError":
      if (Predicate.hasProperty(error, "statusCode") && error.statusCode !== undefined) return "UNAVAILABLE"
      return publicCode(Predicate.hasProperty(error, "code") ? error.code : undefined, "FLOW_FAILED")
    case "RunInProgressError":
      return "RUN_IN_PROGRESS"
    case "CostLimitError":
    case "BudgetExceededError":
      return "COST_LIMIT"
    case "ToolCallLimitError":
      return "TOOL_CALL_LIMIT"
    case "APITimeoutError":
      return "TIMEOUT"
    case "RateLimitError":
      return "RATE_LIMITED"
    case "InvalidRequestError":
      return "INTERNAL_ERROR"
    default:
      return "UNAVAILABLE"
  }
}
