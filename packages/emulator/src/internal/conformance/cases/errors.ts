/**
 * Cases of errors.
 *
 * @see contract 11
 */
import type { ConformanceCase, Expectation } from "../../../ConformanceCase.js"
import { any, event, exchange, fixture, inBothShapes, made, post, refusal, refused, sample } from "../caseParts.js"

const hello = sample("hello-world", "execute")

const faulty = (fault: string) => post(hello, { message: "hi" }, { headers: { "x-noukai-emulator-fault": fault } })

const shape = (name: string, fault: string, expect: Expectation): ConformanceCase =>
  made(`11.1: a body of the shape ${name}`, [`11.1 ${name}`], [
    exchange(faulty(fault), expect)
  ])

const status = (number: number): ConformanceCase =>
  made(`11.2: the status ${number}`, [`11.2 ${number}`], [
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
  made("11.2: a redirect is one status among others", ["11.2 3xx"], [
    exchange(faulty("307"), { status: 307, headers: { location: any("string") } })
  ]),
  made("2.3: Retry-After goes with a 429", ["2.3 Retry-After"], [
    exchange(faulty("429:retry=12"), { ...refusal(429, "RATE_LIMIT"), headers: { "retry-after": "12" } })
  ]),
  made("11.3: over a rate limit: 429 RATE_LIMIT with Retry-After", ["11.3 RATE_LIMIT", "11.2 429"], [
    exchange(flow("limited"), { status: 200 }),
    exchange(flow("limited"), { ...refusal(429, "RATE_LIMIT"), headers: { "retry-after": { $matches: "^\\d+$" } } })
  ]),
  refused(
    "11.3: an unknown flow",
    "11.3",
    post(sample("no-such-flow", "execute"), { message: "a" }),
    404,
    "FLOW_NOT_FOUND"
  ),
  refused("11.3: a broken tree", "11.3", post(fixture("invalid-tree", "execute"), {}), 400, "INVALID_TREE"),
  refused("11.3: no steps", "11.3", post(fixture("no-steps", "execute"), {}), 400, "NO_STEPS"),
  refused("11.3: no credits", "11.3", flow("poor"), 402, "INSUFFICIENT_CREDITS"),
  refused("11.3: credits that run out", "11.3", flow("short"), 402, "CREDITS_EXHAUSTED"),
  refused("11.3: no billing", "11.3", flow("unbilled"), 503, "BILLING_UNAVAILABLE"),
  refused(
    "11.3: an upstream key that is refused",
    "11.3",
    post(fixture("byok", "execute"), {}),
    502,
    "BYOK_KEY_REJECTED"
  ),
  refused("11.3: an internal error", "11.3", post(fixture("internal", "execute"), {}), 500, "INTERNAL_ERROR"),
  ...inBothShapes("11.3: credits that run out in a stream are a step_error", ["11.3 CREDITS_EXHAUSTED"], (shape) => [
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
    made(`16.1: a body of ${JSON.stringify(text)} is a 422`, ["16.1 malformed JSON", "11.1 list"], [
      exchange({ method: "POST", path: hello, text }, {
        status: 422,
        body: { detail: [{ loc: ["body"], msg: any("string"), type: any("string") }] }
      })
    ])
  )
]
