/**
 * Cases of errors.
 *
 * @see docs/wire.md#errors
 */
import type { ConformanceCase, Expectation } from "../../../ConformanceCase.js"
import { any, event, exchange, fixture, inBothShapes, made, post, refusal, refused, sample } from "../caseParts.js"

const hello = sample("hello-world", "execute")

const faulty = (fault: string) => post(hello, { message: "hi" }, { headers: { "x-noukai-emulator-fault": fault } })

const shape = (name: string, fault: string, expect: Expectation): ConformanceCase =>
  made(`errors: a body of the shape ${name}`, [`errors ${name}`], [
    exchange(faulty(fault), expect)
  ])

const status = (number: number): ConformanceCase =>
  made(`statuses: the status ${number}`, [`statuses ${number}`], [
    exchange(faulty(String(number)), {
      status: number,
      body: { detail: { code: any("string"), message: any("string") } }
    })
  ])

const flow = (org: string) => post(`/seq/${org}/conformance/flow/execute`, {})

export const cases: ReadonlyArray<ConformanceCase> = [
  shape("coded", "500:INTERNAL_ERROR", refusal(500, "INTERNAL_ERROR")),
  shape("text", "500:text", { status: 500, body: { detail: any("string") } }),
  shape("list", "422:list", {
    status: 422,
    body: { detail: [{ loc: ["body"], msg: any("string"), type: any("string") }] }
  }),
  shape("empty", "504:empty", { status: 504, text: "" }),
  shape("page", "502:html", {
    status: 502,
    headers: { "content-type": { $matches: "^text/html" } },
    text: { $matches: "^<html>" }
  }),
  ...[400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 422, 429, 500, 502, 503, 504].map(status),
  made("statuses: a redirect is one status among others", ["statuses 3xx"], [
    exchange(faulty("307"), { status: 307, headers: { location: any("string") } })
  ]),
  made("headers: Retry-After goes with a 429", ["headers Retry-After"], [
    exchange(faulty("429:retry=12"), { ...refusal(429, "RATE_LIMIT"), headers: { "retry-after": "12" } })
  ]),
  made("codes: over a rate limit: 429 RATE_LIMIT with Retry-After", ["codes RATE_LIMIT", "statuses 429"], [
    exchange(flow("limited"), { status: 200 }),
    exchange(flow("limited"), { ...refusal(429, "RATE_LIMIT"), headers: { "retry-after": { $matches: "^\\d+$" } } })
  ]),
  refused(
    "codes: an unknown flow",
    "codes",
    post(sample("no-such-flow", "execute"), { message: "a" }),
    404,
    "FLOW_NOT_FOUND"
  ),
  refused("codes: a broken tree", "codes", post(fixture("invalid-tree", "execute"), {}), 400, "INVALID_TREE"),
  refused("codes: no steps", "codes", post(fixture("no-steps", "execute"), {}), 400, "NO_STEPS"),
  refused("codes: no credits", "codes", flow("poor"), 402, "INSUFFICIENT_CREDITS"),
  refused("codes: credits that run out", "codes", flow("short"), 402, "CREDITS_EXHAUSTED"),
  refused("codes: no billing", "codes", flow("unbilled"), 503, "BILLING_UNAVAILABLE"),
  refused(
    "codes: an upstream key that is refused",
    "codes",
    post(fixture("byok", "execute"), {}),
    502,
    "BYOK_KEY_REJECTED"
  ),
  refused("codes: an internal error", "codes", post(fixture("internal", "execute"), {}), 500, "INTERNAL_ERROR"),
  ...inBothShapes("codes: credits that run out in a stream are a step_error", ["codes CREDITS_EXHAUSTED"], (shape) => [
    exchange(post("/seq/short/conformance/flow/step", { stepIndex: 0, runRemaining: true }), {
      status: 200,
      events: [
        event("run_started"),
        event("step_started"),
        ...shape.completed("a", "a"),
        event("step_started"),
        event("step_error", { error: { code: "CREDITS_EXHAUSTED" } })
      ]
    })
  ]),
  ...["{\"message\":", "[]", "\"hi\"", ""].map((text) =>
    made(`emulator: a body of ${JSON.stringify(text)} is a 422`, ["emulator malformed JSON", "errors list"], [
      exchange({ method: "POST", path: hello, text }, {
        status: 422,
        body: { detail: [{ loc: ["body"], msg: any("string"), type: any("string") }] }
      })
    ])
  )
]
