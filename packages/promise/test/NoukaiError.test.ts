/** The errors: a class tree of its own, and one table that leads to it. */
import * as promise from "@effect-noukai/promise"
import { fromRuntime } from "@effect-noukai/promise/NoukaiPromise"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import * as Noukai from "@effect-noukai/sdk/Noukai"
import * as sdk from "@effect-noukai/sdk/NoukaiError"
import * as published from "@noukai/sdk"
import { Effect, Exit, Layer, ManagedRuntime } from "effect"
import { inspect } from "node:util"
import { assert, describe, it } from "vitest"

const facts = {
  method: "FlowService.execute",
  flow: "acme/support/greet",
  executionId: "ex-1",
  requestId: "req-1",
  code: "SOME_CODE",
  responseBody: `{"detail":{"code":"SOME_CODE","message":"no"}}`,
  isRetryable: false
}

/** An error of every class of the sdk. */
const every: ReadonlyArray<sdk.NoukaiError> = [
  new sdk.AuthenticationError({ ...facts, statusCode: 401, wwwAuthenticate: "Bearer" }),
  new sdk.PermissionDeniedError({ ...facts, statusCode: 403 }),
  new sdk.FlowNotFoundError({ ...facts, statusCode: 404 }),
  new sdk.InsufficientCreditsError({ ...facts, statusCode: 402 }),
  new sdk.RateLimitError({ ...facts, statusCode: 429, retryAfter: 7 }),
  new sdk.FlowExecutionError({ ...facts, statusCode: 500, stepId: "classify" }),
  new sdk.APIConnectionError({ ...facts, sent: "yes" }),
  new sdk.APITimeoutError({ ...facts, sent: "no", clock: "connect", isRetryable: true }),
  new sdk.ToolCallLimitError(facts),
  new sdk.CostLimitError({ ...facts, maxCostUsd: "1", spentUsd: "1.5" }),
  new sdk.InvalidRequestError({ ...facts, field: "version", reason: "must be a version" }),
  new sdk.UnexpectedResponseError({ ...facts, reason: "the body is empty" }),
  new sdk.RunInProgressError(facts),
  new sdk.ResultNotStoredError({ ...facts, reason: "missing" }),
  new sdk.AmbiguousRunError({ ...facts, executionIds: ["ex-1", "ex-2"] }),
  new sdk.BudgetExceededError({ ...facts, limitUsd: "1", leftUsd: "0", neededUsd: "0.1" }),
  new sdk.ReplayMissError(facts),
  new sdk.ReplayLeftoverError(facts),
  new sdk.ReplayForbiddenError(facts),
  new sdk.ReplaySessionNotFoundError(facts),
  new sdk.ReplaySessionExpiredError(facts),
  new sdk.ReplayInvalidSessionError(facts),
  new sdk.ReplayNoSnapshotsError(facts),
  new sdk.ReplayDisabledError(facts),
  new sdk.CassetteError({ ...facts, reason: "NotFound", path: "grade.json" })
]

/** The rejection of a call whose transport fails with an error. */
const rejected = async (error: (typeof every)[number]): Promise<promise.NoukaiError> => {
  const http = layerScripted({ execute: [Effect.fail(error as sdk.CallError)] })
  const runtime = ManagedRuntime.make(Layer.provideMerge(Noukai.layerOverHttp, http))
  const noukai = await fromRuntime(runtime)
  const caught = await noukai.flow("acme/support/greet").execute({ message: "hi" })
    .then(() => assert.fail("resolved"), (reason: unknown) => reason)
  await runtime.dispose()
  assert.instanceOf(caught, promise.NoukaiError)
  return caught as promise.NoukaiError
}

const classOf = (name: string) => promise[name as "NoukaiError"]

describe("a rejection", () => {
  for (const error of every) {
    it(`${error._tag} is of the class of that name, and tells the same`, async () => {
      const caught = await rejected(error)
      assert.strictEqual(Object.getPrototypeOf(caught), classOf(error._tag).prototype)
      assert.strictEqual(caught.name, error._tag)
      assert.strictEqual(caught.cause, error)
      assert.strictEqual(caught.executionId, "ex-1")
      assert.strictEqual(caught.requestId, "req-1")
      assert.strictEqual(caught.code, "SOME_CODE")
      assert.strictEqual(caught.statusCode, error.statusCode)
      assert.strictEqual(caught.isRetryable, error.isRetryable)
      assert.deepStrictEqual(caught.responseBody, { detail: { code: "SOME_CODE", message: "no" } })
      assert.notMatch(inspect(caught), /FiberFailure|\[cause\]|\n *method:/)
      assert.match(inspect(caught), new RegExp(`^${error._tag}: [^]*\n    at [^]* requestId: 'req-1'`))
      assert.isTrue(caught instanceof Error && Object.keys(caught).every((name) => name !== "cause"))
      assert.notMatch(caught.message, /[A-Z]\w+Service|stored state/)
    })
  }

  it("carries what only its class has", async () => {
    const caught = new Map(await Promise.all(every.map(async (error) => [error._tag, await rejected(error)] as const)))
    const of = <E>(tag: string) => caught.get(tag as "RateLimitError") as E
    assert.strictEqual(of<promise.AuthenticationError>("AuthenticationError").wwwAuthenticate, "Bearer")
    assert.strictEqual(of<promise.RateLimitError>("RateLimitError").retryAfter, 7)
    assert.strictEqual(of<promise.FlowExecutionError>("FlowExecutionError").stepId, "classify")
    assert.strictEqual(of<promise.APIConnectionError>("APIConnectionError").sent, "yes")
    const { clock, sent } = of<promise.APITimeoutError>("APITimeoutError")
    assert.deepStrictEqual([clock, sent], ["connect", "no"])
    const { field, reason } = of<promise.InvalidRequestError>("InvalidRequestError")
    assert.deepStrictEqual([field, reason], ["version", "must be a version"])
  })

  it("says what the server said, and else what was being done", async () => {
    const said = new sdk.FlowExecutionError({ ...facts, statusCode: 409, detail: "The flow has changed." })
    assert.strictEqual((await rejected(said)).message, "The flow has changed.")
    const ours = new sdk.InvalidRequestError({ ...facts, field: "attemptTimeout", reason: "must be positive" })
    const caught = await rejected(ours)
    assert.match(caught.message, /^flow\.execute acme\/support\/greet: invalid timeout: must be positive/)
    assert.strictEqual((caught as promise.InvalidRequestError).field, "timeout")
  })

  it("keeps a body that is no JSON as text", async () => {
    const page = new sdk.FlowExecutionError({ ...facts, statusCode: 502, responseBody: "<h1>Bad gateway</h1>" })
    assert.strictEqual((await rejected(page)).responseBody, "<h1>Bad gateway</h1>")
  })

  it("of a defect is the defect itself", async () => {
    const defect = new RangeError("a bug")
    const http = layerScripted({ execute: [Effect.die(defect)] })
    const runtime = ManagedRuntime.make(Layer.provideMerge(Noukai.layerOverHttp, http))
    const noukai = await fromRuntime(runtime)
    const caught = await noukai.flow("acme/support/greet").execute().catch((reason: unknown) => reason)
    assert.strictEqual(caught, defect)
    await runtime.dispose()
  })
})

type Constructor = new(message: string, init?: published.NoukaiError) => published.NoukaiError

const names = Object.entries(published).flatMap(([name, value]) =>
  typeof value === "function" && value.prototype instanceof Error ? [name] : []
)

describe("the classes", () => {
  it("are all that the reference has", () => {
    assert.isAtLeast(names.length, 18)
  })

  for (const name of names) {
    it(`${name} is made as in the reference, and stands in the same place`, () => {
      const init = { statusCode: 418, code: "C", executionId: "e", requestId: "r", responseBody: { a: 1 }, cause: 1 }
      const make = (module: object) => {
        const Made = module[name as keyof typeof module] as unknown as Constructor
        return new Made("said", init as unknown as published.NoukaiError)
      }
      const [theirs, ours] = [make(published), make(promise)]
      const tell = ({ cause, code, executionId, message, name, requestId, responseBody, statusCode }: typeof ours) => ({
        cause,
        code,
        executionId,
        message,
        name,
        requestId,
        responseBody,
        statusCode
      })
      assert.deepStrictEqual(tell(ours), tell(theirs))
      assert.deepStrictEqual(
        names.filter((other) => ours instanceof classOf(other)),
        names.filter((other) => theirs instanceof published[other as "NoukaiError"])
      )
      assert.match(ours.stack!, new RegExp(`^${name}: said`))
    })
  }

  it("a fresh one without more than a message", () => {
    const error = new promise.RateLimitError("slow down")
    assert.isUndefined(error.retryAfter)
    assert.isFalse(error.isRetryable)
    assert.isFalse(Exit.isExit(error))
  })
})
