/** The answer to a replay error (docs/wire.md#replay-headers). */
import { ReplayAnswer } from "@effect-noukai/adapters"
import * as Promises from "@effect-noukai/promise"
import * as Sdk from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"

const props = { method: "test", isRetryable: false } as const
const unchecked = { disableValidation: true } as const

const rows: ReadonlyArray<readonly [Sdk.ReplayError, number, string]> = [
  [new Sdk.ReplayForbiddenError(props), 403, "replay_forbidden"],
  [new Sdk.ReplaySessionNotFoundError(props), 404, "replay_session_not_found"],
  [new Sdk.ReplaySessionExpiredError(props), 410, "replay_session_expired"],
  [new Sdk.ReplayInvalidSessionError(props), 400, "replay_invalid_session"],
  [new Sdk.ReplayNoSnapshotsError(props), 409, "replay_no_snapshots"],
  [new Sdk.ReplayMissError(props as never, unchecked), 500, "replay_error"],
  [new Sdk.ReplayMissError({ ...props, code: "REPLAY_UNFINISHED_CLIENT" }, unchecked), 409, "replay_unfinished"],
  [new Sdk.ReplayLeftoverError(props as never, unchecked), 500, "replay_error"],
  [new Sdk.ReplayDisabledError(props), 500, "replay_error"]
]

describe("10.8", () => {
  for (const [error, status, code] of rows) {
    it(`${error._tag} is ${status} ${code}, also as the cause of another error`, () => {
      const expected = { status, body: { error: code, message: error.message } }
      assert.deepStrictEqual(ReplayAnswer.fromOpening(error), expected)
      assert.deepStrictEqual(ReplayAnswer.fromError(error), expected)
      const promised = new Promises.ReplayMissError("missed", { cause: error })
      assert.deepStrictEqual(ReplayAnswer.fromError(promised), expected)
      assert.deepStrictEqual(ReplayAnswer.fromError(new Error("mine", { cause: promised })), expected)
    })
  }

  it("what is no replay error has no answer", () => {
    const endless: { cause?: unknown } = {}
    endless.cause = endless
    for (const error of [undefined, null, "text", new Error("x"), { cause: null }, endless]) {
      assert.isUndefined(ReplayAnswer.fromError(error))
    }
  })

  it("nor has what does not let itself be looked at", () => {
    const trap = () => {
      throw new Error("trap")
    }
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const errors = [
      Object.defineProperty(new Error("x"), "cause", { get: trap }),
      new Proxy(new Error("x"), { get: trap }),
      new Proxy(new Error("x"), { has: trap }),
      proxy
    ]
    for (const error of errors) {
      assert.isUndefined(ReplayAnswer.fromError(error))
      assert.isUndefined(ReplayAnswer.fromError({ cause: error }))
    }
  })

  it("of what is no replay error nobody is told more than that", () => {
    const detail = "a secret of the server"
    const errors: ReadonlyArray<readonly [Sdk.ReplayScopeError, number]> = [
      [new Sdk.AuthenticationError({ ...props, detail }), 500],
      [new Sdk.InsufficientCreditsError({ ...props, detail }), 500],
      [new Sdk.RateLimitError({ ...props, detail }), 502],
      [new Sdk.FlowExecutionError({ ...props, detail, statusCode: 503 }), 502],
      [new Sdk.APIConnectionError({ ...props, detail, sent: "no" }), 502],
      [new Sdk.UnexpectedResponseError({ ...props, reason: detail }), 502]
    ]
    for (const [error, status] of errors) {
      const answer = ReplayAnswer.fromOpening(error)
      assert.strictEqual(answer.status, status)
      assert.notInclude(JSON.stringify(answer), detail)
    }
  })
})
