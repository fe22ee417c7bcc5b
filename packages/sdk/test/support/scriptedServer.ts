/** A server whose runs follow a plan, and that cuts, refuses and garbles its responses where a script says so. */
import { frame } from "./eventFrames.js"
import { type Answer, json, type Received, reset, text } from "./WireServer.js"

/** A step of a plan: the tool rounds it needs, and what a response tells of it. */
export interface PlannedStep {
  readonly rounds: number
  readonly calls: number
  readonly output: unknown
  readonly costUsd: string | undefined
}

/** The steps and the end of each run of a server. */
export interface Plan {
  readonly steps: ReadonlyArray<PlannedStep>
  /** The end of the last step. */
  readonly ending: "completed" | "failed" | "without result"
  /** The run that its session lists before a request has come. */
  readonly before: "none" | "completed" | "failed" | "running" | "two"
}

/** A mistake in one response. `share` says where it is cut, from 0 to 1. */
export type Mischief =
  | { readonly _tag: "none" }
  | { readonly _tag: "refused"; readonly status: number; readonly code: string | undefined; readonly names: boolean }
  | { readonly _tag: "text"; readonly status: number; readonly text: string }
  | { readonly _tag: "cut" | "ended"; readonly share: number }
  | { readonly _tag: "reset" }
  | { readonly _tag: "other run" | "no run" }

export interface Script {
  readonly plan: Plan
  /** The mischief of the requests that run something, in order; the rest have none. */
  readonly posts: ReadonlyArray<Mischief>
  /** The same for the requests that only read. */
  readonly reads: ReadonlyArray<Mischief>
}

type Body = { readonly [field: string]: unknown }

interface Run {
  readonly id: string
  readonly sessionId: string | undefined
  readonly triggerType: string
  status: string
  place: number
  /** The rounds of the step that have been answered. */
  round: number
  readonly frames: Array<string>
}

const flow = { flowId: "fl_1", slug: "answer" }

const problem = { code: "STEP_FAILED", message: "the step broke" }

export const stepIds = ["read", "think", "write", "check"]

const stepId = (place: number) => stepIds[place] ?? `step-${place}`

const callsOf = (step: PlannedStep, place: number, round: number) =>
  Array.from({ length: step.calls }, (_, n) => ({
    id: `tc_${place}_${round}_${n}`,
    type: "function",
    function: { name: "lookup", arguments: JSON.stringify({ n }) }
  }))

/** The rounds of the conversation in a pause, each with its answers but the last. */
const pauseOf = (run: Run, step: PlannedStep) => {
  const calls = callsOf(step, run.place, run.round)
  return {
    executionId: run.id,
    iterationsUsed: run.round + 1,
    toolCallMessages: [{ role: "assistant", content: null, tool_calls: calls }],
    toolCalls: calls
  }
}

/** The runs of one server. */
export class ScriptedRuns {
  readonly runs: Array<Run> = []
  /** The requests that named a run after its end had been told. */
  readonly afterEnd: Array<string> = []
  private readonly told = new Set<string>()
  private posts = 0
  private reads = 0

  constructor(private readonly script: Script) {}

  /** Answers any request. */
  readonly answer: Answer = (response, request) => {
    const isPost = request.method === "POST"
    const named = isPost ? [...this.told].find((id) => request.body.includes(`"executionId":"${id}"`)) : undefined
    if (named !== undefined) this.afterEnd.push(request.body)
    const mischief = (isPost ? this.script.posts[this.posts++] : this.script.reads[this.reads++]) ?? { _tag: "none" }
    switch (mischief._tag) {
      case "reset":
        this.route(request)
        return reset(response, request)
      case "text":
        this.route(request)
        return text(mischief.status, mischief.text)(response, request)
      case "refused": {
        const { code, names, status } = mischief
        const detail = code === undefined ? "refused" : { code, message: "refused" }
        const more = names ? { executionId: this.runs.at(-1)?.id ?? "ex-1" } : {}
        return json(status, { detail, ...more }, status === 429 ? { "retry-after": "0" } : {})(response, request)
      }
      default: {
        const { body, status, type } = this.route(request)
        const id = mischief._tag === "other run" ? "ex-other" : mischief._tag === "no run" ? "" : undefined
        const whole = id === undefined ? body : body.replaceAll(/"executionId":"[^"]*"/g, `"executionId":"${id}"`)
        if (mischief._tag !== "cut" && mischief._tag !== "ended") {
          const { id: ran, status: end } = this.runs.find(({ id }) => body.includes(`"executionId":"${id}"`)) ?? {}
          if (isPost && ran !== undefined && whole === body && (end === "completed" || end === "failed")) {
            this.told.add(ran)
          }
          response.writeHead(status, { "content-type": type, "x-request-id": "req-1" })
          return void response.end(whole)
        }
        const part = whole.slice(0, Math.floor(mischief.share * whole.length))
        const isCut = mischief._tag === "cut"
        const length = isCut ? { "content-length": String(Buffer.byteLength(whole) + 1) } : {}
        response.writeHead(status, { "content-type": type, ...length })
        return isCut ? void response.write(part, () => response.socket?.destroy()) : void response.end(part)
      }
    }
  }

  private route(request: Received): { readonly status: number; readonly body: string; readonly type: string } {
    const json = ([status, body]: readonly [number, unknown]) => ({
      status,
      body: JSON.stringify(body),
      type: "application/json"
    })
    const { headers, path } = request
    const body = request.body === "" ? {} : JSON.parse(request.body) as Body
    const sessionId = headers["x-session-id"] as string | undefined
    if (path.endsWith("/execute")) return json(this.execute(body, sessionId))
    if (path.endsWith("/jobs")) return json(this.submit(sessionId))
    if (path.endsWith("/step")) {
      const [status, frames] = this.step(body, sessionId)
      if (typeof frames !== "string") return json([status, frames])
      return { status, body: frames, type: "text/event-stream" }
    }
    if (path.includes("/seq/sessions/")) return json(this.session(path.split("/").at(-1)!))
    const run = this.runs.find(({ id }) => path.includes(`/${id}`))
    if (run === undefined) return json([404, { detail: { code: "RUN_NOT_FOUND", message: "no such run" } }])
    if (path.endsWith("/trace/stream")) return { status: 200, body: run.frames.join(""), type: "text/event-stream" }
    if (path.endsWith("/trace")) return json([200, this.trace(run)])
    return json([200, { executionId: run.id, status: run.status, ...this.resultOf(run) }])
  }

  private begin(sessionId: string | undefined, triggerType: string): Run {
    const id = `ex-${this.runs.length + 1}`
    const run: Run = { id, sessionId, triggerType, status: "running", place: 0, round: 0, frames: [] }
    this.runs.push(run)
    run.frames.push(frame("run_started", { executionId: id, stepCount: this.script.plan.steps.length }))
    return run
  }

  private resultOf({ status }: Run): object {
    const { plan: { ending, steps } } = this.script
    if (status === "failed") return { result: problem, error: problem }
    return status !== "completed" || ending === "without result" ? {} : { result: steps.at(-1)?.output ?? null }
  }

  /** Runs the next step to its end or its pause. Returns the name of the event that ended it. */
  private advance(run: Run): "completed" | "failed" | "paused" | "next" {
    const { plan: { ending, steps } } = this.script
    const step = steps[run.place]!
    const id = stepId(run.place)
    run.status = "running"
    run.frames.push(frame("step_started", { stepId: id, stepIndex: run.place }))
    if (run.round < step.rounds) {
      run.status = "paused"
      const outputs = this.outputs(run)
      run.frames.push(frame("step_paused_for_tool_calls", {
        ...pauseOf(run, step),
        stepId: id,
        stepIndex: run.place,
        accumulatedOutputs: outputs
      }))
      return "paused"
    }
    const isLast = run.place >= steps.length - 1
    if (isLast && ending === "failed") {
      run.status = "failed"
      run.frames.push(frame("step_error", { stepId: id, error: problem }))
      return "failed"
    }
    run.frames.push(
      frame("step_output", { stepId: id, outputData: step.output }),
      frame("step_completed", {
        stepId: id,
        output: step.output,
        durationMs: 5,
        ...(step.costUsd === undefined ? {} : { costUsd: step.costUsd })
      })
    )
    run.place++
    run.round = 0
    if (!isLast) return "next"
    run.status = "completed"
    run.frames.push(frame("flow_completed", {
      executionId: run.id,
      ...(ending === "without result" ? {} : { result: step.output })
    }))
    return "completed"
  }

  private outputs(run: Run): object {
    return Object.fromEntries(
      this.script.plan.steps.slice(0, run.place).map(({ output }, place) => [stepId(place), output])
    )
  }

  private refusal(code: string): readonly [number, unknown] {
    return [409, { detail: { code, message: "no" } }]
  }

  private execute(body: Body, sessionId: string | undefined): readonly [number, unknown] {
    const { plan: { steps } } = this.script
    const run = body.executionId === undefined
      ? this.begin(sessionId, "execute")
      : this.runs.find(({ id }) => id === body.executionId)
    if (run === undefined) return this.refusal("EXECUTION_ID_INVALID")
    if (body.executionId !== undefined) {
      if (run.status !== "paused") return this.refusal("EXECUTION_ID_INVALID")
      if (body.pausedAtStep !== stepId(run.place)) return this.refusal("PAUSED_STEP_INVALID")
      run.round++
    }
    let next = this.advance(run)
    while (next === "next") next = this.advance(run)
    const facts = { flowId: flow.flowId, blockCount: steps.length, executionId: run.id }
    if (next !== "paused") {
      return [200, { status: next, result: null, ...this.resultOf(run), ...facts }]
    }
    return [200, {
      status: "tool_calls_required",
      ...facts,
      ...pauseOf(run, steps[run.place]!),
      pausedAtStep: stepId(run.place),
      accumulatedOutputs: this.outputs(run)
    }]
  }

  private step(body: Body, sessionId: string | undefined): readonly [number, unknown] {
    const { plan: { steps } } = this.script
    const index = Number(body.stepIndex ?? 0)
    if (index >= steps.length) return [400, { detail: { code: "INVALID_STEP_INDEX", message: "no such step" } }]
    const run = body.executionId === undefined
      ? this.begin(sessionId, "step")
      : this.runs.find(({ id }) => id === body.executionId)
    if (run === undefined) return [404, { detail: { code: "RUN_NOT_FOUND", message: "no such run" } }]
    const from = body.executionId === undefined ? 0 : run.frames.length
    if (index !== run.place) {
      run.place = index
      run.round = 0
    }
    if (body.toolCallMessages !== undefined) run.round++
    let next = this.advance(run)
    while (next === "next" && body.runRemaining === true) next = this.advance(run)
    const end = next === "next" ? [frame("step_paused", { executionId: run.id, nextStepIndex: run.place })] : []
    return [200, [...run.frames.slice(from), ...end].join("")]
  }

  private submit(sessionId: string | undefined): readonly [number, unknown] {
    const { plan: { ending, steps } } = this.script
    const run = this.begin(sessionId, "job")
    run.status = ending === "failed" ? "failed" : "completed"
    return [202, { executionId: run.id, status: "pending", flowId: flow.flowId, blockCount: steps.length }]
  }

  private trace(run: Run): unknown {
    const { plan: { steps } } = this.script
    const done = steps.slice(0, run.place).map(({ costUsd }, place) => ({
      stepId: stepId(place),
      attempt: 1,
      status: "completed",
      ...(costUsd === undefined ? {} : { costUsd })
    }))
    const now = run.status === "completed"
      ? []
      : [{ stepId: stepId(run.place), attempt: 1, status: run.status === "failed" ? "failed" : "running" }]
    return { flowRun: { id: run.id, status: run.status }, steps: [...done, ...now] }
  }

  private session(sessionId: string): readonly [number, unknown] {
    const { plan } = this.script
    const { before } = plan
    const own = this.runs.filter((run) => run.sessionId === sessionId)
    if (own.length === 0 && this.runs.length === 0 && before !== "none") {
      for (let n = 0; n < (before === "two" ? 2 : 1); n++) {
        const run = this.begin(sessionId, "execute")
        if (before === "two") run.status = "completed"
        else if (before === "running") this.advance(run)
        else {
          let next = this.advance(run)
          while (next === "next") next = this.advance(run)
        }
        own.push(run)
      }
    }
    if (own.length === 0) return [404, { detail: { code: "SESSION_NOT_FOUND", message: "Session not found" } }]
    return [200, { sessionId, executions: own.map((run) => this.execution(run)) }]
  }

  private execution(run: Run): unknown {
    const { plan: { steps } } = this.script
    const done = steps.slice(0, run.place).map(({ output }, place) => ({
      stepId: stepId(place),
      attempt: 1,
      status: "completed",
      outputSnapshot: output,
      errorSnapshot: null,
      truncated: false
    }))
    const isFailed = run.status === "failed"
    return {
      executionId: run.id,
      ...flow,
      triggerType: run.triggerType,
      status: run.status === "paused" ? "running" : run.status,
      traceCaptureMode: "full",
      snapshotsAvailable: true,
      errorAtStep: isFailed ? stepId(run.place) : null,
      steps: isFailed
        ? [...done, {
          stepId: stepId(run.place),
          attempt: 1,
          status: "failed",
          outputSnapshot: null,
          errorSnapshot: problem,
          truncated: false
        }]
        : done
    }
  }
}
