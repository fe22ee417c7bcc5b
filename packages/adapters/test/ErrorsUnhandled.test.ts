/** Errors that an app does not handle: the statuses that Noukai answered us with are not answers to the app's callers. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import * as promise from "@effect-noukai/promise"
import { FlowService, Noukai } from "@effect-noukai/sdk"
import * as sdk from "@effect-noukai/sdk/NoukaiError"
import { HttpApp } from "@effect/platform"
import { Effect, Redacted } from "effect"
import express5 from "express"
import express4 from "express4"
import { Hono } from "hono"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { listen, listenWeb } from "./support/listen.js"
import type { RunningApp } from "./support/world.js"

const flow = "acme/support/answer"

const good = "nk_test_answers8_0123456789abcdef0123456789abcdef"
const bad = "nk_test_nobodys8_0123456789abcdef0123456789abcdef"

let emulator: RunningEmulator

beforeAll(async () => {
  emulator = await startEmulator({
    flows: [{ ref: flow, steps: [{ kind: "template", id: "say", output: { text: "{{message}}" } }] }],
    keys: [{ key: good, org: "acme", project: "support" }]
  })
})

afterAll(() => emulator.close())

type Failing = () => Promise<unknown>

const platform = (fail: Failing) =>
  HttpApp.toWebHandler(Effect.flatMap(Effect.tryPromise({ try: fail, catch: (error) => error }), Effect.die))

/** The apps, as their frameworks make them, with no error handler: each route fails. */
const apps: { readonly [name: string]: (fail: Failing) => Promise<RunningApp> } = {
  "Express 4": (fail) => {
    const app = (express4 as unknown as typeof express5)()
    app.get("/", (_request, response, next) => void fail().then((value) => response.json(value), next))
    return listen(app, async () => {})
  },
  "Express 5": (fail) => {
    const app = express5()
    app.get("/", async (_request, response) => void response.json(await fail()))
    return listen(app, async () => {})
  },
  Hono: (fail) => {
    const app = new Hono()
    app.onError((error, context) => context.text(error.name, "status" in error ? error.status as 500 : 500))
    app.get("/", async (context) => context.json(await fail() as object))
    return listenWeb(app.fetch, async () => {})
  },
  "@effect/platform": (fail) => listenWeb((request) => platform(fail)(request), async () => {})
}

const answered = async (start: (typeof apps)[string], fail: Failing) => {
  const app = await start(fail)
  try {
    return (await fetch(app.url)).status
  } finally {
    await app.close()
  }
}

const rejecting = (apiKey: string, ref = flow): Failing => async () => {
  const noukai = new promise.Noukai({ apiKey, env: "dev", port: emulator.port })
  try {
    return await noukai.flow(ref).execute({ message: "hi" })
  } finally {
    await noukai.close()
  }
}

const failing = (apiKey: string, ref = flow): Failing => async () => {
  const layer = Noukai.layer({ apiKey: Redacted.make(apiKey), baseUrl: emulator.baseUrl })
  const run = Effect.flatMap(FlowService, (flows) => flows.execute(ref, { message: "hi" }))
  throw await Effect.runPromise(Effect.flip(Effect.provide(run, layer)))
}

const caught = (fail: Failing): Promise<unknown> => fail().then(() => assert.fail("resolved"), (error) => error)

describe("an error that nobody handles is a 500", () => {
  for (const [name, start] of Object.entries(apps)) {
    it.concurrent(`${name}: a key that is refused, a flow that is not there`, async () => {
      for (const fail of [rejecting, failing]) {
        assert.strictEqual(await answered(start, fail(bad)), 500)
        assert.strictEqual(await answered(start, fail(good, "acme/support/nothing")), 500)
      }
    })
  }

  for (const statusCode of [400, 401, 402, 403, 404, 409, 422, 429, 503]) {
    it.concurrent(`Express 4 and 5: status ${statusCode} of Noukai, in any class`, async () => {
      const facts = { method: "FlowService.execute", statusCode, isRetryable: false }
      const errors = [
        new sdk.AuthenticationError(facts),
        new sdk.FlowExecutionError(facts),
        new sdk.UnexpectedResponseError({ ...facts, reason: "the body is empty" }),
        new promise.AuthenticationError("no", { statusCode }),
        new promise.FlowExecutionError("no", { statusCode }),
        new promise.NoukaiError("no", { statusCode })
      ]
      for (const error of errors) {
        for (const start of [apps["Express 4"]!, apps["Express 5"]!]) {
          assert.strictEqual(await answered(start, () => Promise.reject(error)), 500, error.name)
        }
      }
    })
  }
})

describe("the status that Noukai answered with", () => {
  for (const [name, fail] of Object.entries({ "@effect-noukai/promise": rejecting, "@effect-noukai/sdk": failing })) {
    it(`is the statusCode of an error of ${name}, and nothing else of it changed`, async () => {
      const error = await caught(fail(bad)) as promise.NoukaiError
      assert.strictEqual(error.statusCode, 401)
      assert.notInclude(Object.keys(error), "status")
      assert.notProperty(JSON.parse(JSON.stringify(error)), "status")
      // Koa writes the status with which it has answered
      Object.assign(error, { status: 500 })
    })
  }
})
