/** May a request be sent again? One rule, and the table of the errors guide that is written from it. */
import * as Errors from "@effect-noukai/sdk/NoukaiError"
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { expect } from "vitest"
import { shouldRetry } from "../src/internal/http/retry.js"
import { isRepeatable, repeatability } from "../src/internal/kit/repeatability.js"

const call = { method: "FlowService.execute", isRetryable: false }

const refused = (statusCode: number, code?: string) =>
  new Errors.FlowExecutionError({ ...call, statusCode, ...(code !== undefined && { code }) })
const limited = (fields: { readonly isRetryable: boolean; readonly code?: string }) =>
  new Errors.RateLimitError({ ...call, statusCode: 429, ...fields })
const connection = (sent: "no" | "unknown") => new Errors.APIConnectionError({ ...call, sent })
const timeout = (clock: Errors.TimeoutClock) => new Errors.APITimeoutError({ ...call, clock, sent: "unknown" })
const notFound = (responseBody: string) => new Errors.FlowNotFoundError({ ...call, statusCode: 404, responseBody })

/** The failures of the table, in words. */
const failures: ReadonlyArray<readonly [words: string, error: Errors.NoukaiError]> = [
  ["`InvalidRequestError`", new Errors.InvalidRequestError({ ...call, field: "message", reason: "is empty" })],
  ["`ReplayMissError`", new Errors.ReplayMissError(call)],
  ["400, 401, 402, 403, 422 and other 4xx", refused(400)],
  ["404 in which the server says that the thing is missing", notFound("{\"detail\":{\"code\":\"FLOW_NOT_FOUND\"}}")],
  ["404 without that, as of a gateway", notFound("<html></html>")],
  ["404 of a session", new Errors.ReplaySessionNotFoundError({ ...call, statusCode: 404 })],
  ["408", refused(408)],
  ["429", limited({ isRetryable: true, code: "RATE_LIMITED" })],
  ["429 whose code says nothing of a rate", limited({ isRetryable: true, code: "QUOTA" })],
  ["429 that names a run", limited({ isRetryable: false })],
  ["500, 502, 503, 504", refused(503)],
  ["501, 505 and other 5xx", refused(501)],
  ["`APIConnectionError`, `sent: \"no\"`", connection("no")],
  ["`APIConnectionError`, `sent` is `\"unknown\"` or `\"yes\"`", connection("unknown")],
  ["`APITimeoutError` of an attempt, a first byte or a silent stream", timeout("attempt")],
  ["`APITimeoutError` of `timeout`, or of a wait", timeout("total")],
  ["`RunInProgressError`", new Errors.RunInProgressError({ ...call, isRetryable: true })],
  ["`UnexpectedResponseError`", new Errors.UnexpectedResponseError({ ...call, reason: "status is missing" })]
]

const yes = (is: boolean) => is ? "yes" : "no"

const said = { no: "no", unlikely: "unlikely", possible: "yes" } as const

const columns: ReadonlyArray<readonly [title: string, cell: (error: Errors.NoukaiError) => string]> = [
  ["may a run exist?", (error) => said[repeatability(error).run]],
  ["a read is sent again", (error) => yes(shouldRetry(error, { isPost: false, isFresh: false, retryPost: false }))],
  ["a run is begun again", (error) => yes(shouldRetry(error, { isPost: true, isFresh: true, retryPost: false }))],
  ["a stream goes on", (error) => yes(repeatability(error).passes === "soon")],
  ["a run is asked for again", (error) => yes(repeatability(error).passes !== "never")]
]

const row = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |\n`

const table = row(["failure", ...columns.map(([title]) => title)]) + row(["---", ...columns.map(() => "---")]) +
  failures.map(([words, error]) => row([words, ...columns.map(([, cell]) => cell(error))])).join("")

const guide = new URL("../../../docs/guides/errors.md", import.meta.url)

describe("may this be sent again", () => {
  it("the guide has the table of the rule (`npx vitest run Repeatability -u` writes it)", async () => {
    const text = readFileSync(guide, "utf8")
    const begins = text.indexOf("| failure |")
    assert.isAbove(begins, 0)
    const ends = text.indexOf("\n\n", begins) + 1
    await expect(text.slice(0, begins) + table + text.slice(ends)).toMatchFileSnapshot(guide.pathname)
  })

  it("a run is begun again only where none may exist, and the same request may succeed", () => {
    for (const [words, error] of failures) {
      const { passes, run } = repeatability(error)
      const isAgain = shouldRetry(error, { isPost: true, isFresh: true, retryPost: false })
      assert.strictEqual(isAgain, run === "no" && passes === "soon", words)
      assert.strictEqual(isRepeatable(error, true), run !== "possible" && passes === "soon", words)
    }
  })

  it("a 429 whose code says nothing of a rate is not sent again by itself, and may be sent again", () => {
    const codes = [["RATE_LIMIT", true], ["TOO_MANY_REQUESTS", true], ["throttled", true], ["QUOTA", false]] as const
    for (const [code, isAgain] of codes) {
      const response = { _tag: "RateLimitError", statusCode: 429, code, namesRun: false }
      assert.strictEqual(repeatability(response).run === "no", isAgain, code)
      assert.isTrue(isRepeatable(response, true), code)
      assert.isTrue(isRepeatable(response, false), code)
    }
  })
})
