/** Builders of cases. Their results are plain data. */
import type {
  ConformanceCase,
  ConformanceExchange,
  ConformanceRequest,
  Expectation,
  Need
} from "../../ConformanceCase.js"
import type { StreamOutputs } from "../../EmulatorOptions.js"
import type { Json } from "../../Flow.js"

/** The path of a sample flow. */
export const sample = (flow: string, action: string): string => `/seq/noukai/samples/${flow}/${action}`

/** The path of a flow of the fixture. */
export const fixture = (flow: string, action: string): string => `/seq/acme/conformance/${flow}/${action}`

export const post = (path: string, body: Json, more: Partial<ConformanceRequest> = {}): ConformanceRequest => ({
  method: "POST",
  path,
  body,
  ...more
})

export const get = (path: string, more: Partial<ConformanceRequest> = {}): ConformanceRequest => ({
  method: "GET",
  path,
  ...more
})

export const exchange = (
  request: ConformanceRequest,
  expect: Expectation,
  more: Partial<ConformanceExchange> = {}
): ConformanceExchange => ({ request, expect: { headers: { "x-request-id": any("string") }, ...expect }, ...more })

export const any = (kind: string): Json => ({ $any: kind })

export const ok = (body: Json): Expectation => ({ status: 200, body })

export const refusal = (status: number, code: string): Expectation => ({
  status,
  body: { detail: { code, message: any("string") } }
})

/** A validation failure at one place. */
export const invalid = (...loc: ReadonlyArray<string | number>): Expectation => ({
  status: 422,
  body: { detail: [{ loc: [...loc], msg: any("string"), type: any("string") }] }
})

/** The flows, keys and paths that every server has. */
const everywhere = /^\/seq\/(?:noukai\/samples|acme\/spelling|sessions)\/|^\/(?!seq\/)/

/** The needs that the requests themselves show. */
const needsOf = (exchanges: ReadonlyArray<ConformanceExchange>): ReadonlyArray<Need> => {
  const requests = exchanges.map(({ request }) => request)
  const has = (need: Need, test: (request: ConformanceRequest) => boolean) => requests.some(test) ? [need] : []
  return [
    ...has(
      "fixture",
      ({ as = "none", control, path }) => control !== true && (as !== "none" || !everywhere.test(path))
    ),
    ...has("faults", ({ headers = {} }) => "x-noukai-emulator-fault" in headers),
    ...has("control", ({ control }) => control === true)
  ]
}

/** A case. `more` are the needs that no request shows. */
export const made = (
  name: string,
  rows: ReadonlyArray<string>,
  exchanges: ReadonlyArray<ConformanceExchange>,
  more: ReadonlyArray<Need> = []
): ConformanceCase => ({ name, rows, needs: [...needsOf(exchanges), ...more], exchanges })

export const event = (name: string, data: Json = {}): Json => ({ event: name, data })

/**
 * The events that carry inputs and outputs, as cases expect them.
 *
 * @see docs/wire.md#events
 * @see docs/wire.md#outputs
 */
export interface Shape {
  readonly name: StreamOutputs
  readonly input: (stepId: string, input: Json) => Json
  readonly partial: (stepId: string, output: Json) => Json
  /** The events of a completed step. The first has the output, at {@link Shape.outputPath}. */
  readonly completed: (stepId: string, output: Json, fields?: { readonly [name: string]: Json }) => ReadonlyArray<Json>
  readonly flowCompleted: (result: Json, fields?: { readonly [name: string]: Json }) => Json
  /** The path of the output in an event of {@link Shape.completed}, at that index in the stream. */
  readonly outputPath: (index: number) => string
}

const noKey = any("undefined")

const hosted: Shape = {
  name: "hosted",
  input: (stepId, inputContext) => event("step_input", { stepId, inputContext, inputData: noKey }),
  partial: (stepId, outputContext) => event("step_output", { stepId, outputContext, outputData: noKey }),
  completed: (stepId, outputContext, fields = {}) => [
    event("step_output", { stepId, outputContext, outputData: noKey }),
    event("step_completed", { stepId, ...fields, output: noKey })
  ],
  flowCompleted: (_, fields = {}) => event("flow_completed", { ...fields, result: noKey }),
  outputPath: (index) => `events.${index}.data.outputContext`
}

const documented: Shape = {
  name: "documented",
  input: (stepId, inputData) => event("step_input", { stepId, inputData, inputContext: noKey }),
  partial: (stepId, outputData) => event("step_output", { stepId, outputData, outputContext: noKey }),
  completed: (stepId, output, fields = {}) => [event("step_completed", { stepId, ...fields, output })],
  flowCompleted: (result, fields = {}) => event("flow_completed", { ...fields, result }),
  outputPath: (index) => `events.${index}.data.output`
}

type InShapes<A> = (
  name: string,
  rows: ReadonlyArray<string>,
  write: (shape: Shape) => ReadonlyArray<ConformanceExchange>,
  more?: ReadonlyArray<Need>
) => A

const inShape = (shape: Shape): InShapes<ConformanceCase> => (name, rows, write, more) => ({
  ...made(`${name} (${shape.name})`, rows, write(shape), more),
  streamOutputs: shape.name
})

/** A case of the hosted shape alone. */
export const inHosted: InShapes<ConformanceCase> = inShape(hosted)

/** A case of the documented shape alone. */
export const inDocumented: InShapes<ConformanceCase> = inShape(documented)

/** One case for each shape. */
export const inBothShapes: InShapes<ReadonlyArray<ConformanceCase>> = (...parts) => [
  inHosted(...parts),
  inDocumented(...parts)
]

/** One refused request. */
export const refused = (
  name: string,
  row: string,
  request: ConformanceRequest,
  status: number,
  code: string
): ConformanceCase =>
  made(`${name}: ${status} ${code}`, [row, `codes ${code}`], [exchange(request, refusal(status, code))])

/** A tool in the function format. */
export const tool = (name: string): Json => ({
  type: "function",
  function: { name, description: "d", parameters: { type: "object", properties: {} } }
})

/** Saves a pause of `/execute`. */
export const savePause = {
  executionId: "body.executionId",
  pausedAtStep: "body.pausedAtStep",
  iterationsUsed: "body.iterationsUsed",
  pauseMessages: "body.toolCallMessages",
  call: "body.toolCalls.0.id",
  call2: "body.toolCalls.1.id",
  outputs: "body.accumulatedOutputs"
}

/** The body that resumes a saved pause. */
export const resume = (results: ReadonlyArray<Json>, more: { readonly [key: string]: Json } = {}): Json => ({
  executionId: "{{executionId}}",
  pausedAtStep: "{{pausedAtStep}}",
  iterationsUsed: "{{iterationsUsed}}",
  accumulatedOutputs: "{{outputs}}",
  toolCallMessages: { $concat: ["{{pauseMessages}}", [...results]] },
  ...more
})

export const result = (call: string, content: string, key = "tool_call_id"): Json => ({
  role: "tool",
  [key]: call,
  content
})
