/**
 * Cases of sessions.
 *
 * @see docs/wire.md#sessions
 */
import type { ConformanceCase } from "../../../ConformanceCase.js"
import type { Json } from "../../../Flow.js"
import {
  any,
  exchange,
  fixture,
  get,
  made,
  ok,
  post,
  refusal,
  result,
  resume,
  sample,
  savePause
} from "../caseParts.js"

/** An id that no other case uses, so that cases can run in any order. */
const idOf = (number: number): string => `5d1c9f44-7a0b-4f5e-9a55-${String(number).padStart(12, "0")}`

const tagged = (number: number) => ({ headers: { "x-session-id": idOf(number) } })

const session = (number: number, as?: string) => get(`/seq/sessions/${idOf(number)}`, as === undefined ? {} : { as })

const execution = (more: { readonly [key: string]: Json }): Json => ({
  executionId: any("string"),
  flowId: any("string"),
  startedAt: any("string"),
  ...more
})

export const cases: ReadonlyArray<ConformanceCase> = [
  made("sessions: a session with one execution of each kind, in order", [
    "sessions sessionId",
    "sessions executions",
    "sessions slug",
    "sessions triggerType",
    "sessions status",
    "sessions executionId",
    "sessions flowId",
    "sessions startedAt",
    "sessions execute",
    "sessions step",
    "sessions job"
  ], [
    exchange(post(sample("hello-world", "execute"), { message: "hi" }, tagged(1)), { status: 200 }),
    exchange(post(sample("two-step", "step"), { stepIndex: 0, message: "hi" }, tagged(1)), { status: 200 }, {
      save: { executionId: "events.0.data.executionId" }
    }),
    exchange(
      post(sample("two-step", "step"), {
        executionId: "{{executionId}}",
        stepIndex: 1,
        accumulatedOutputs: { classify: { label: "x" } }
      }, tagged(1)),
      { status: 200 }
    ),
    exchange(post(sample("hello-world", "jobs"), { message: "hi" }, tagged(1)), { status: 202 }),
    exchange(
      session(1),
      ok({
        sessionId: idOf(1),
        executions: [
          execution({ slug: "hello-world", triggerType: "execute", status: "completed", errorAtStep: null }),
          execution({ slug: "two-step", triggerType: "step", status: "completed", executionId: "{{executionId}}" }),
          execution({ slug: "hello-world", triggerType: "job", status: any("string") })
        ]
      })
    )
  ]),
  made("sessions: snapshots of a captured execution", [
    "sessions snapshotsAvailable",
    "sessions traceCaptureMode",
    "sessions steps",
    "sessions step fields",
    "sessions completedAt",
    "sessions __rendered_prompt__"
  ], [
    exchange(post(sample("hello-world", "execute"), { message: "hi", trace: true }, tagged(2)), { status: 200 }),
    exchange(
      session(2),
      ok({
        executions: [execution({
          traceCaptureMode: "full",
          snapshotsAvailable: true,
          completedAt: any("string"),
          steps: [{
            stepId: "greet",
            attempt: 1,
            loopIndex: null,
            status: "completed",
            startedAt: any("string"),
            completedAt: any("string"),
            durationMs: any("integer"),
            inputSnapshot: { message: "hi" },
            outputSnapshot: { text: any("string"), __rendered_prompt__: any("string") },
            errorSnapshot: null,
            truncated: false
          }]
        })]
      })
    )
  ]),
  made("sessions: without payloads snapshotsAvailable is false", ["sessions snapshotsAvailable"], [
    exchange(post(fixture("metadata", "execute"), { message: "hi" }, tagged(3)), { status: 200 }),
    exchange(
      session(3, "acme/conformance"),
      ok({ executions: [{ snapshotsAvailable: false, traceCaptureMode: "metadata_only" }] })
    )
  ]),
  made("sessions: without steps the capture mode is null", ["sessions traceCaptureMode"], [
    exchange(post(fixture("off", "execute"), {}, tagged(4)), { status: 200 }),
    exchange(
      session(4, "acme/conformance"),
      ok({ executions: [{ snapshotsAvailable: false, traceCaptureMode: null, steps: [] }] })
    )
  ]),
  made("sessions: a failed execution names its step and error", ["sessions errorAtStep", "sessions errorSnapshot"], [
    exchange(post(fixture("byok", "execute"), { trace: true }, tagged(5)), { status: 502 }),
    exchange(
      session(5, "acme/conformance"),
      ok({
        executions: [{
          status: "failed",
          errorAtStep: "fail",
          steps: [{ status: "failed", errorSnapshot: { code: "BYOK_KEY_REJECTED", message: any("string") } }]
        }]
      })
    )
  ]),
  made("sessions: attempts and the iterations of a loop are snapshots of their own, in the order in which they began", [
    "sessions attempt",
    "sessions loopIndex"
  ], [
    exchange(post(fixture("flaky", "execute"), {}, tagged(10)), { status: 200 }),
    exchange(post(fixture("loop", "execute"), {}, tagged(10)), { status: 200 }),
    exchange(
      session(10, "acme/conformance"),
      ok({
        executions: [{ steps: [{ attempt: 1, status: "failed" }, { attempt: 2, status: "completed" }] }, {
          steps: [{ stepId: "each", loopIndex: null }, { stepId: "in", loopIndex: 0, outputSnapshot: { at: "x" } }, {
            stepId: "in",
            loopIndex: 1,
            outputSnapshot: { at: "y" }
          }]
        }]
      })
    )
  ]),
  made("sessions: the slug of a flow that was deleted is null", ["sessions slug"], [
    exchange(
      post("/_emulator/flows", {
        flows: [{ ref: "acme/conformance/short-lived", steps: [{ kind: "template", id: "a", output: "a" }] }]
      }, { control: true }),
      { status: 200 }
    ),
    exchange(post(fixture("short-lived", "execute"), {}, tagged(11)), { status: 200 }),
    exchange({ method: "DELETE", path: "/_emulator/flows/acme/conformance/short-lived", control: true }, {
      status: 200
    }),
    exchange(session(11, "acme/conformance"), ok({ executions: [execution({ slug: null, status: "completed" })] }))
  ]),
  made("sessions: a cancelled job", ["sessions status"], [
    exchange(
      post(sample("hello-world", "jobs"), { message: "hi" }, {
        headers: { "x-noukai-emulator-fault": "cancel", ...tagged(12).headers }
      }),
      { status: 202 }
    ),
    exchange(session(12), ok({ executions: [{ triggerType: "job", status: "cancelled", errorAtStep: null }] }), {
      retry: { times: 100, everyMs: 20 }
    })
  ]),
  made("sessions: a tool resume goes on with the recorded execution, without the header", ["sessions resume"], [
    exchange(
      post(sample("tools-enabled", "execute"), { message: "hi" }, tagged(6)),
      ok({ status: "tool_calls_required" }),
      { save: savePause }
    ),
    exchange(post(sample("tools-enabled", "execute"), resume([result("{{call}}", "x")])), ok({ status: "completed" })),
    exchange(session(6), ok({ executions: [{ executionId: "{{executionId}}", status: "completed" }] }))
  ]),
  made("sessions: a header that is no UUID is a 400, an empty one is none", ["sessions header", "codes BAD_REQUEST"], [
    exchange(
      post(sample("hello-world", "execute"), { message: "hi" }, { headers: { "x-session-id": "mine" } }),
      refusal(400, "BAD_REQUEST")
    ),
    exchange(post(sample("hello-world", "step"), { message: "hi" }, { headers: { "x-session-id": "" } }), {
      status: 200,
      text: { $matches: "\\nevent: flow_completed\\n" }
    })
  ]),
  made("sessions: 400 for what is no id, 404 for one that is not known", ["sessions 400", "sessions 404"], [
    exchange(get("/seq/sessions/mine"), refusal(400, "BAD_REQUEST")),
    exchange(session(999), { status: 404 })
  ]),
  made("sessions: 403 for the session of another project", ["sessions 403"], [
    exchange(post(sample("hello-world", "execute"), { message: "hi" }, tagged(7)), { status: 200 }),
    exchange(session(7, "acme/spelling"), refusal(403, "FORBIDDEN"))
  ]),
  made("sessions: 410 for one that has expired", ["sessions 410", "codes GONE"], [
    exchange(post(sample("hello-world", "execute"), { message: "hi" }, tagged(8)), { status: 200 }),
    exchange(post(`/_emulator/sessions/${idOf(8)}/expire`, {}, { control: true }), { status: 200 }),
    exchange(session(8), refusal(410, "GONE"))
  ])
]
