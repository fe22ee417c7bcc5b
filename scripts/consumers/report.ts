/** A stored run, drawn and compared. */
import { HtmlReport, keepSession, Reconcile, TraceDiff, TraceLayout, Waterfall } from "@effect-noukai/report"
import { toText } from "@effect-noukai/report/Waterfall"
import { Trace } from "@effect-noukai/sdk"
import { Either, Schema } from "effect"
import { match, strictEqual } from "node:assert"

const trace = Schema.decodeUnknownSync(Trace.Trace)({
  flowRun: { id: "run-1", status: "completed" },
  steps: [{ stepId: "draft", attempt: 1, status: "completed", durationMs: 20, costUsd: "0.001" }]
})

match(toText(trace), /draft/)
match(Waterfall.toSvg(trace), /^<svg/)
strictEqual(TraceLayout.make(trace).rows.length, 1)
match(TraceDiff.toText(TraceDiff.make(trace, trace)), /\S/)
strictEqual(HtmlReport.escape("<"), "&lt;")
strictEqual(typeof Reconcile.findings, "function")
const session = {
  format: "noukai-cassette/1",
  kind: "session",
  client: {},
  session: { sessionId: "a", executions: [] }
} as const
strictEqual(Either.isRight(keepSession(session)), true)
