/** The verdict on an error of a request: its meaning for the row. */
import * as Errors from "@effect-noukai/sdk/NoukaiError"
import { assert, describe, it } from "@effect/vitest"
import { mayPass, ofReading, ofSending } from "../../src/internal/drive/verdict.js"

const call = { method: "FlowService.execute", isRetryable: false }

describe("the verdict on a refusal for the rate", () => {
  const plain = new Errors.RateLimitError({ ...call, statusCode: 429, isRetryable: true, retryAfter: 3 })
  const namesRun = new Errors.RateLimitError({ ...call, statusCode: 429, retryAfter: 3 })

  it("nothing ran: the rows wait", () => {
    assert.deepStrictEqual(ofSending(plain, "a"), { _tag: "wait", seconds: 3 })
  })

  it("that names a run is uncertain, so that the run is looked for before another request", () => {
    assert.deepInclude(ofSending(namesRun, "a"), { _tag: "uncertain", seconds: 3, isUnanswered: false })
  })

  it("of a read is a wait, and passes", () => {
    for (const error of [plain, namesRun]) {
      assert.deepStrictEqual(ofReading(error, "a"), { _tag: "wait", seconds: 3 })
      assert.isTrue(mayPass(error))
    }
  })
})

describe("a read of a run that was begun", () => {
  it("goes on after a 404 of its session, which is listed later, and while its run is in progress", () => {
    const notFound = new Errors.ReplaySessionNotFoundError({ ...call, statusCode: 404 })
    const gateway = new Errors.ReplaySessionNotFoundError({ ...call, statusCode: 404, isAbsent: false })
    const running = new Errors.RunInProgressError({ ...call, isRetryable: true })
    for (const error of [notFound, gateway, running]) assert.isTrue(mayPass(error), error._tag)
  })

  it("ends after an answer that nobody can read, and one that says that the run is not there", () => {
    const unreadable = new Errors.UnexpectedResponseError({ ...call, reason: "status is missing" })
    const absent = new Errors.FlowNotFoundError({
      ...call,
      statusCode: 404,
      code: "RUN_NOT_FOUND",
      executionId: "ex-1"
    })
    for (const error of [unreadable, absent]) assert.isFalse(mayPass(error), error._tag)
  })
})
