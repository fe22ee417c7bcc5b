/** The answers to errors: one table, and the handlers that send it, on every framework. */
import { ErrorAnswer, ReplayAnswer } from "@effect-noukai/adapters"
import { errorHandler } from "@effect-noukai/adapters/express"
import { withNoukaiErrors } from "@effect-noukai/adapters/nextjs"
import * as Platform from "@effect-noukai/adapters/platform"
import { errorResponse, sessions, withErrorHandler } from "@effect-noukai/adapters/web"
import * as promise from "@effect-noukai/promise"
import * as sdk from "@effect-noukai/sdk/NoukaiError"
import { HttpApp, HttpRouter, HttpServerResponse } from "@effect/platform"
import { Cause, Effect, identity, Logger } from "effect"
import express5 from "express"
import express4 from "express4"
import { Hono } from "hono"
import { afterEach, assert, describe, it, vi } from "vitest"
import { listen, listenWeb } from "./support/listen.js"
import type { RunningApp } from "./support/world.js"

const secret = "the words of the server"

const facts = {
  method: "FlowService.execute",
  flow: "acme/support/answer",
  detail: secret,
  code: "SECRET_CODE",
  executionId: "ex-secret",
  responseBody: secret,
  statusCode: 401,
  isRetryable: false
}

const { statusCode: _, ...unanswered } = facts

const unchecked = { disableValidation: true } as const

type Row = readonly [error: sdk.NoukaiError, status: number, code: string, retryAfter?: string]

const rows: ReadonlyArray<Row> = [
  [new sdk.AuthenticationError(facts), 502, "flow_failed"],
  [new sdk.AuthenticationError(unanswered), 502, "flow_failed"],
  [new sdk.PermissionDeniedError({ ...facts, statusCode: 403 }), 502, "flow_failed"],
  [new sdk.FlowNotFoundError({ ...facts, statusCode: 404 }), 502, "flow_failed"],
  [new sdk.FlowExecutionError({ ...unanswered, status: "failed" }), 502, "flow_failed"],
  [new sdk.FlowExecutionError({ ...facts, statusCode: 422 }), 502, "flow_failed"],
  [new sdk.FlowExecutionError({ ...facts, statusCode: 504 }), 502, "flow_failed"],
  [new sdk.FlowExecutionError({ ...facts, statusCode: 503 }), 503, "flow_unavailable"],
  [new sdk.FlowExecutionError({ ...facts, statusCode: 503, retryAfter: 9 }), 503, "flow_unavailable", "9"],
  [new sdk.UnexpectedResponseError({ ...facts, reason: secret, result: { secret } }), 502, "flow_failed"],
  [new sdk.APIConnectionError({ ...unanswered, sent: "no" }), 502, "flow_failed"],
  [new sdk.ToolCallLimitError(unanswered), 502, "flow_failed"],
  [new sdk.CostLimitError({ ...unanswered, maxCostUsd: "1", spentUsd: "1.5" }), 502, "flow_failed"],
  [new sdk.BudgetExceededError({ ...unanswered, limitUsd: "1", leftUsd: "0", neededUsd: "0.1" }), 502, "flow_failed"],
  [new sdk.ResultNotStoredError({ ...unanswered, reason: "capture" }), 502, "flow_failed"],
  [new sdk.AmbiguousRunError({ ...unanswered, executionIds: ["ex-secret"] }), 502, "flow_failed"],
  [new sdk.InsufficientCreditsError({ ...facts, statusCode: 402 }), 503, "flow_unavailable"],
  [new sdk.RateLimitError({ ...facts, statusCode: 429 }), 503, "flow_unavailable"],
  [new sdk.RateLimitError({ ...facts, statusCode: 429, retryAfter: 7 }), 503, "flow_unavailable", "7"],
  [new sdk.RateLimitError({ ...facts, statusCode: 429, retryAfter: 0.2 }), 503, "flow_unavailable", "1"],
  [new sdk.RunInProgressError(unanswered), 503, "flow_unavailable"],
  [new sdk.APITimeoutError({ ...unanswered, sent: "unknown", clock: "attempt" }), 504, "flow_timeout"],
  [new sdk.InvalidRequestError({ ...unanswered, field: "message", reason: secret }), 500, "internal_error"],
  [new sdk.CassetteError({ ...unanswered, reason: "NotFound", path: secret }), 500, "internal_error"]
]

const replays: ReadonlyArray<sdk.ReplayError> = [
  new sdk.ReplayForbiddenError(unanswered),
  new sdk.ReplaySessionNotFoundError(unanswered),
  new sdk.ReplaySessionExpiredError(unanswered),
  new sdk.ReplayInvalidSessionError(unanswered),
  new sdk.ReplayNoSnapshotsError(unanswered),
  new sdk.ReplayMissError(unanswered, unchecked),
  new sdk.ReplayLeftoverError(unanswered, unchecked),
  new sdk.ReplayDisabledError(unanswered)
]

/** The error of the Promise client for one of the sdk. */
const promised = (error: sdk.NoukaiError): Error => {
  const { cause: _, ...init } = { ...error, cause: undefined }
  return new promise[error._tag as "RateLimitError"](error.message, { ...init, cause: error })
}

const rejected = (error: unknown) => Effect.runPromise(Effect.fail(error)).catch((failure: unknown) => failure)

describe("the table", () => {
  for (const [error, status, code, retryAfter] of rows) {
    const name = `${error._tag}${error.statusCode === undefined ? "" : ` of status ${error.statusCode}`}`
    it(`${name} is ${status} ${code}${retryAfter === undefined ? "" : `, to be tried in ${retryAfter} s`}`, async () => {
      for (const one of [error, promised(error), await rejected(error)]) {
        const answer = ErrorAnswer.fromError(one)
        assert.strictEqual(answer?.status, status)
        assert.strictEqual(answer?.body.error, code)
        assert.deepStrictEqual(answer?.headers, retryAfter === undefined ? {} : { "retry-after": retryAfter })
        assert.notMatch(JSON.stringify(answer), /secret|SECRET|words/)
      }
    })
  }

  it("has a row for each error that is none of a replay", () => {
    const named = Object.keys(sdk).filter((name) => /^(?!Replay|Noukai)[A-Z]\w*Error$/.test(name))
    assert.sameMembers([...new Set(rows.map(([error]) => error._tag))] as Array<string>, named)
  })

  it("errors of a replay are answered as by the middleware", () => {
    for (const error of replays) {
      const expected = { ...ReplayAnswer.fromError(error), headers: {} }
      for (const one of [error, promised(error), new Error("mine", { cause: error })]) {
        assert.deepStrictEqual(ErrorAnswer.fromError(one), expected as ErrorAnswer.ErrorAnswer)
      }
    }
  })

  it("errors of the Promise client without a cause, and classes below them", () => {
    class Mine extends promise.RateLimitError {}
    class Named extends promise.NoukaiError {
      override name = "Named"
    }
    const statuses = [
      new promise.AuthenticationError("no", { statusCode: 401 }),
      new promise.APITimeoutError("no"),
      new Mine("no", { retryAfter: 3 }),
      new Named("no", { statusCode: 404 }),
      new promise.RateLimitError("no", { retryAfter: Number.NaN })
    ].map((error) => [ErrorAnswer.fromError(error)?.status, ErrorAnswer.fromError(error)?.headers["retry-after"]])
    assert.deepStrictEqual(statuses, [[502, undefined], [504, undefined], [503, "3"], [502, undefined], [
      503,
      undefined
    ]])
  })

  it("no other value has an answer", async () => {
    const trap = () => {
      throw new Error("trap")
    }
    const own = rows[0]![0]
    for (
      const error of [
        undefined,
        null,
        "AuthenticationError",
        new Error("x"),
        Object.assign(new Error("x"), { name: "AuthenticationError", statusCode: 401 }),
        { _tag: "AuthenticationError" },
        new Error("the caller's", { cause: own }),
        await rejected(new Error("x")),
        new Proxy(new Error("x"), { get: trap, has: trap, getPrototypeOf: trap })
      ]
    ) {
      assert.isUndefined(ErrorAnswer.fromError(error))
    }
  })
})

type Failing = () => Promise<object>

type Start = (fail: Failing, onError?: (error: unknown) => void) => Promise<RunningApp>

const nothing = async () => {}

const express = (make: typeof express5): Start => (fail, onError) => {
  const app = make()
  app.get("/", (_request, response, next) => void fail().then((value) => response.json(value), next))
  app.get("/late", (_request, response, next) => {
    response.type("text/plain").write("begun")
    fail().catch(next)
  })
  app.use(errorHandler({ onError }))
  app.use(
    ((error, _request, response, _next) => {
      if (!response.headersSent) response.status(418).json({ mine: error.message })
      else response.destroy()
    }) as express5.ErrorRequestHandler
  )
  return listen(app, nothing)
}

/** An app of the platform; its log is told of errors. */
const platform = (run: Effect.Effect<object, unknown>, onError?: (error: unknown) => void): Promise<RunningApp> => {
  const router = HttpRouter.empty.pipe(HttpRouter.get("/", Effect.flatMap(run, HttpServerResponse.json)))
  const app = Platform.errorHandler(router).pipe(
    Effect.catchAllCause((cause) =>
      HttpServerResponse.json({ mine: (Cause.squash(cause) as Error).message }, { status: 418 })
    ),
    Effect.provide(Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => onError?.(String(message)))))
  )
  return listenWeb((request) => HttpApp.toWebHandler(app)(request), nothing)
}

/** The frameworks, each with a handler of its own for other errors: 418 and their message. */
const frameworks: { readonly [name: string]: Start } = {
  "Express 4": express(express4 as unknown as typeof express5),
  "Express 5": express(express5),
  Hono: (fail, onError) => {
    const app = new Hono()
    app.onError((error, context) => errorResponse(error, { onError }) ?? context.json({ mine: error.message }, 418))
    app.get("/", async (context) => context.json(await fail()))
    return listenWeb(app.fetch, nothing)
  },
  "Next.js": (fail, onError) => {
    const route = withNoukaiErrors(async (_request: Request, _context: object) => Response.json(await fail()), {
      onError
    })
    return listenWeb(
      (request) => route(request, {}).catch((error: Error) => Response.json({ mine: error.message }, { status: 418 })),
      nothing
    )
  },
  "web, in a scope": (fail, onError) => {
    const client = new promise.Noukai({ apiKey: "nk_test" })
    const traced = sessions(withErrorHandler(async () => Response.json(await fail()), { onError }), { client })
    return listenWeb(
      (request) => traced(request).catch((error: Error) => Response.json({ mine: error.message }, { status: 418 })),
      () => client.close()
    )
  },
  "@effect/platform, an app that fails": (fail, onError) =>
    platform(Effect.tryPromise({ try: fail, catch: identity }), onError),
  "@effect/platform, an app that dies": (fail, onError) => platform(Effect.promise(fail), onError)
}

const get = async (start: Start, fail: Failing, onError?: (error: unknown) => void, path = "") => {
  const app = await start(fail, onError)
  try {
    const response = await fetch(`${app.url}${path}`)
    return { response, text: await response.text().catch(() => "broken off") }
  } finally {
    await app.close()
  }
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe("the error handlers", () => {
  const limited = new sdk.RateLimitError({ ...facts, statusCode: 429, retryAfter: 7 })

  for (const [name, start] of Object.entries(frameworks)) {
    describe(name, () => {
      it("an error of ours is answered without details, and told", async () => {
        for (const error of [limited, promised(limited), new sdk.AuthenticationError(facts)]) {
          const told: Array<unknown> = []
          const { response, text } = await get(start, () => Promise.reject(error), (one) => told.push(one))
          const { body, status } = ErrorAnswer.fromError(error)!
          assert.deepStrictEqual([response.status, JSON.parse(text)], [status, body])
          assert.strictEqual(response.headers.get("content-type"), "application/json")
          assert.strictEqual(response.headers.get("cache-control"), "no-store")
          assert.strictEqual(response.headers.get("retry-after"), status === 503 ? "7" : null)
          assert.lengthOf(told, 1)
          if (told[0] instanceof Error) assert.strictEqual(told[0], error)
          else assert.include(String(told[0]), error.message.replace("FlowService.execute ", ""))
        }
      })

      it("any other error is the app's own", async () => {
        const told: Array<unknown> = []
        for (const error of [new Error("mine"), Object.assign(new Error("mine"), { statusCode: 402 })]) {
          const { response, text } = await get(start, () => Promise.reject(error), (one) => told.push(one))
          assert.deepStrictEqual([response.status, JSON.parse(text)], [418, { mine: "mine" }])
        }
        assert.deepStrictEqual(told, [])
      })

      it("an answer of the app stays as it is", async () => {
        const { response, text } = await get(start, () => Promise.resolve({ fine: true }))
        assert.deepStrictEqual([response.status, JSON.parse(text)], [200, { fine: true }])
      })
    })
  }

  for (const name of ["Express 4", "Express 5"]) {
    it(`${name}: a response that has begun is broken off, and not answered twice`, async () => {
      const told: Array<unknown> = []
      const { text } = await get(frameworks[name]!, () => Promise.reject(limited), (one) => told.push(one), "/late")
      assert.strictEqual(text, "broken off")
      assert.deepStrictEqual(told, [])
    })
  }

  it("without onError there is one plain line on the console, with the flow and the status", async () => {
    const lines: Array<unknown> = []
    vi.spyOn(console, "error").mockImplementation((...line) => lines.push(line))
    errorResponse(limited)
    errorResponse(new Error("mine"))
    // the message of the Promise client has the words of the server alone
    errorResponse(new promise.RateLimitError("slow down", { cause: limited }))
    errorResponse(new promise.RateLimitError("slow down"))
    const facts =
      "acme/support/answer: rate limited: the words of the server (status 429, code SECRET_CODE, execution ex-secret)"
    const line = (operation: string) =>
      `noukai: a request failed: RateLimitError: ${operation}${facts}; retry after 7 s`
    assert.deepStrictEqual(lines, [
      [line("FlowService.execute ")],
      [line("")],
      ["noukai: a request failed: RateLimitError: slow down"]
    ])
  })

  it("the words of a server are one line of the console, without keys and commands to a server of CI", () => {
    const lines: Array<unknown> = []
    vi.spyOn(console, "error").mockImplementation((...line) => lines.push(line.join(" ")))
    const words = "x\n::error::y\r##[add-mask]z \u202etokennk_live_0123456789abcdef \u001b[31m"
    errorResponse(new promise.RateLimitError(words))
    assert.lengthOf(lines, 1)
    // eslint-disable-next-line no-control-regex
    assert.notMatch(String(lines[0]), /[\u0000-\u001f\u202e]|::error|##\[|0123456789abcdef/)
    assert.include(String(lines[0]), "RateLimitError: x")
  })

  it("an onError that throws changes nothing", () => {
    const onError = () => {
      throw new Error("the log is full")
    }
    assert.strictEqual(errorResponse(limited, { onError })?.status, 503)
  })
})
