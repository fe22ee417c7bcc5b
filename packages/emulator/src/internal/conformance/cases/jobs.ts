/**
 * Cases of jobs.
 *
 * @see docs/wire.md#jobs
 */
import type { ConformanceCase } from "../../../ConformanceCase.js"
import type { Json } from "../../../Flow.js"
import { any, exchange, fixture, get, invalid, made, ok, post, refusal, refused, sample, tool } from "../caseParts.js"

const hello = sample("hello-world", "jobs")

const accepted = {
  status: 202,
  body: { executionId: any("string"), status: any("string"), flowId: any("string"), blockCount: 1 }
}

const save = { save: { executionId: "body.executionId" } }

const patiently = { retry: { times: 100, everyMs: 20 } }

const wrongType = (field: string, value: Json): ConformanceCase =>
  made(`jobs: ${field} of a wrong JSON type is a 422`, [`jobs ${field}`], [
    exchange(post(hello, { message: "hi", [field]: value }), invalid("body", field))
  ])

export const cases: ReadonlyArray<ConformanceCase> = [
  made("polls: a failed job has an error", ["polls error"], [
    exchange(post(fixture("byok", "jobs"), {}), { status: 202 }, save),
    exchange(
      get(`${fixture("byok", "jobs")}/{{executionId}}`),
      ok({ status: "failed", error: any("string") }),
      patiently
    )
  ]),
  made("polls: a job that no worker has taken is pending", ["polls pending"], [
    exchange(post(hello, { message: "hi" }), accepted, save),
    exchange(
      get(`${hello}/{{executionId}}`),
      ok({ status: "pending", result: { $absent: true }, error: { $absent: true } })
    )
  ], ["idleQueue"]),
  made("polls: a job that takes long is running", ["polls running"], [
    exchange(post(fixture("slow", "jobs"), {}), { status: 202 }, save),
    exchange(
      get(`${fixture("slow", "jobs")}/{{executionId}}`),
      ok({ status: "running", result: { $absent: true } }),
      patiently
    )
  ]),
  made("polls: a cancelled job", ["polls cancelled"], [
    exchange(post(hello, { message: "hi" }, { headers: { "x-noukai-emulator-fault": "cancel" } }), accepted, save),
    exchange(get(`${hello}/{{executionId}}`), ok({ status: "cancelled" }), patiently)
  ]),
  made("polls: a job whose row is not there yet: 404 JOB_NOT_FOUND", ["polls row delay", "codes JOB_NOT_FOUND"], [
    exchange(post(hello, { message: "hi" }, { headers: { "x-noukai-emulator-fault": "row:3600000" } }), accepted, save),
    exchange(get(`${hello}/{{executionId}}`), refusal(404, "JOB_NOT_FOUND"))
  ]),
  made("jobs: callbacks are taken", ["jobs callbackUrl", "jobs callbackEvents"], [
    exchange(
      post(hello, {
        message: "hi",
        callbackUrl: "https://hooks.example.com/x",
        callbackEvents: ["flow.completed", "flow.failed"]
      }),
      { status: 202 }
    ),
    exchange(post(hello, { message: "hi", callbackUrl: "http://10.0.0.1" }), invalid("body", "callbackUrl")),
    exchange(post(hello, { message: "hi", callbackEvents: ["other"] }), invalid("body", "callbackEvents"))
  ]),
  // a rotation would replace the secret of the server
  made("webhooks: the deliveries of an organisation are listed for its keys alone", ["webhooks deliveries"], [
    exchange(get("/organizations/noukai/webhooks/deliveries", { as: "noukai/samples" }), ok({})),
    exchange(get("/organizations/noukai/webhooks/deliveries", { as: "acme/spelling" }), refusal(403, "FORBIDDEN"))
  ]),
  made("versions: a job can run the draft; its poll has no version", ["versions jobs"], [
    exchange(post(fixture("versions/v0", "jobs"), {}), { status: 202 }, save),
    exchange(
      get(`${fixture("versions", "jobs")}/{{executionId}}`),
      ok({ status: "completed", result: "draft" }),
      patiently
    ),
    exchange(get(`${fixture("versions/v0", "jobs")}/{{executionId}}`), { status: 404 })
  ]),
  made("jobs: parameters and blockOverrides reach the run; what only /execute takes is not looked at", [
    "jobs parameters",
    "jobs blockOverrides",
    "jobs request",
    "jobs trace"
  ], [
    exchange(
      post(fixture("echo", "jobs"), {
        parameters: { tone: "dry" },
        blockOverrides: { echo: { output: "{{parameters.tone}}!" } },
        attachments: [],
        toolChoice: "auto",
        trace: true
      }),
      { status: 202 },
      save
    ),
    exchange(get(`${fixture("echo", "jobs")}/{{executionId}}`), ok({ status: "completed", result: "dry!" }), patiently)
  ]),
  wrongType("message", 1),
  wrongType("blockOverrides", { a: 1 }),
  wrongType("parameters", "x"),
  wrongType("trace", 1),
  refused(
    "jobs: tools",
    "jobs tools",
    post(hello, { message: "a", tools: [tool("x")] }),
    400,
    "TOOLS_REQUIRE_SYNC_EXECUTE"
  ),
  refused("jobs: no message", "jobs message", post(hello, {}), 400, "MISSING_MESSAGE"),
  refused("polls: an unknown job", "polls not found", get(`${hello}/none`), 404, "JOB_NOT_FOUND")
]
