/** `noukai trace`. */
import * as TraceSpans from "@effect-noukai/report/TraceSpans"
import * as Waterfall from "@effect-noukai/report/Waterfall"
import { RunService } from "@effect-noukai/sdk/RunService"
import * as Args from "@effect/cli/Args"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { argument, flag, flowOrRun, seeing } from "../arguments/flags.js"
import { wrong } from "../exit/CommandError.js"
import { note } from "../settings/History.js"
import { services } from "../settings/services.js"
import { jsonLine } from "../terminal/json.js"
import { Terminal } from "../terminal/Terminal.js"
import { type InputOf, leaf } from "./leaf.js"
import { runOf } from "./seen.js"

const config = {
  flow: flowOrRun,
  run: Args.optional(argument("id", "The id of the run (the last seen run of the flow).")),
  svg: flag("svg", "Print the trace as an SVG picture."),
  html: flag("html", "Print the trace as an HTML page."),
  otlp: flag("otlp", "Print OpenTelemetry spans as OTLP/JSON."),
  json: flag("json", "Print the server's trace as JSON."),
  ...seeing
}

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  if ([input.svg, input.html, input.otlp, input.json].filter((one) => one).length > 1) {
    return yield* wrong("give one of --svg, --html, --otlp and --json")
  }
  const { flow, run, trace } = yield* Effect.gen(function*() {
    const runs = yield* RunService
    const { flow, run } = yield* runOf(input.flow, input.run)
    const trace = yield* runs.trace(flow, run)
    yield* note({ flow, run, flowId: trace.flowRun.flowId })
    return { flow, run, trace }
  }).pipe(Effect.provide(services(input)))
  const title = `${flow} ${run}`
  if (input.svg) return yield* terminal.document(Waterfall.toSvg(trace, { title }))
  if (input.html) return yield* Stream.runForEach(Waterfall.toHtml(trace, { title }), terminal.document)
  if (input.otlp) return yield* terminal.write(jsonLine(TraceSpans.toSpans(trace)))
  if (input.json) return yield* terminal.write(jsonLine(trace.raw ?? trace))
  yield* terminal.draw(
    Waterfall.toText(trace, { width: terminal.resultWidth(), colours: terminal.hasColours })
  )
})

export const command = leaf("trace", "Show the duration and cost of a run, step by step.", config, handle)
