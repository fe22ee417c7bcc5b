/** The programs of the README run. */
import { twoStep } from "@effect-noukai/emulator/samples"
import { Noukai } from "@effect-noukai/sdk"
import type { HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, ManagedRuntime, Redacted } from "effect"
import express from "express"
import { createServer } from "node:http"
import { afterAll, assert, beforeEach, expect, it, vi } from "vitest"
import { POST as askPOST } from "./examples/askRoute.js"
import { ask } from "./examples/disconnect.js"
import * as Express from "./examples/express.js"
import * as ExpressPage from "./examples/expressPage.js"
import * as ExpressRelay from "./examples/expressRelay.js"
import { follow, type Progress } from "./examples/follow.js"
import hono from "./examples/hono.js"
import { app as honoErrors } from "./examples/honoErrors.js"
import * as HttpApi from "./examples/httpApi.js"
import * as Platform from "./examples/platform.js"
import * as Production from "./examples/production.js"
import { app as progress } from "./examples/progress.js"
import { POST, relayPOST } from "./examples/route.js"
import * as Service from "./examples/service.js"
import { listen, listenWeb, urlOf } from "./support/listen.js"
import type { RunningApp } from "./support/world.js"

const { emulator, noukai } = await vi.hoisted(async () => {
  const { startEmulator } = await import("@effect-noukai/emulator")
  const { Noukai } = await import("@effect-noukai/promise")
  const emulator = await startEmulator() // with the sample flows
  return { emulator, noukai: new Noukai({ apiKey: "nk_test_anything", env: "dev", port: emulator.port }) }
})

vi.mock("./examples/noukai.js", () => ({ noukai }))

beforeEach(() => emulator.reset())

afterAll(async () => {
  await noukai.close()
  await emulator.close()
})

const asks = async (url: string) => {
  const response = await fetch(`${url}/ask`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ question: "why?" })
  })
  assert.deepStrictEqual(await response.json(), { text: "About your order: why?" })
  assert.deepStrictEqual(
    emulator.ledger().runs.map((run) => run.sessionId),
    [response.headers.get("x-noukai-session") ?? undefined]
  )
}

/** Asks while Noukai refuses, and while it has too much to do. */
const fails = async (url: string) => {
  for (const [fault, status, retryAfter] of [["401", 502, null], ["429:retry=60", 503, "60"]] as const) {
    emulator.addFaults({ script: [fault] })
    const response = await fetch(`${url}/ask`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ question: "why?" })
    })
    assert.deepStrictEqual([response.status, response.headers.get("retry-after")], [status, retryAfter])
    assert.deepStrictEqual(Object.keys(await response.json() as object), ["error", "message"])
  }
}

const failing = {
  ref: "noukai/samples/two-step",
  steps: [{ kind: "fail", id: "answer", code: "MODEL_OVERLOADED" }]
} as const

/** Asks without a question, and while the run of the flow fails. */
const checks = async (url: string, path = "/ask", method = "POST") => {
  const asked = async (
    body: string | null,
    headers: Record<string, string> = { "content-type": "application/json" }
  ) => {
    const { status } = await fetch(`${url}${path}`, { method, headers, body })
    return status
  }
  const before = emulator.ledger().runs.length
  const bodies = ["{\"question\":\"\"}", "{}", "{\"question\":7}", "[]", "null"]
  for (const body of bodies) assert.strictEqual(await asked(body), 400)
  assert.strictEqual(await asked(null, {}), 400)
  assert.lengthOf(emulator.ledger().runs, before)
  emulator.putFlows(failing)
  assert.strictEqual(await asked("{\"question\":\"fails?\"}"), 502)
  emulator.putFlows(twoStep)
}

const relays = async (url: string, login: Record<string, string>) => {
  const agent = (headers: Record<string, string>) =>
    fetch(`${url}/agent/execute`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ message: "hi" })
    })
  expect(await (await agent(login)).json()).toMatchObject({ result: { text: "Hello! You said: hi" } })
  const refused = await agent({})
  assert.deepStrictEqual([refused.status, await refused.json()], [403, { detail: "FORBIDDEN" }])
}

const login = { authorization: "Bearer my-login" }

const withApp = async (app: RunningApp, use: (url: string) => Promise<void>) => {
  try {
    await use(app.url)
  } finally {
    await app.close()
  }
}

const nothing = async () => {}

it("Express", async () => {
  await withApp(await listen(Express.app, nothing), asks)
  await withApp(await listen(ExpressRelay.app, nothing), (url) => relays(url, login))
  await withApp(await listen(ExpressPage.app, nothing), async (url) => {
    const posted = (headers: Record<string, string>) =>
      fetch(`${url}/api/chat`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ id: "c", messages: [{ id: "m", role: "user", parts: [{ type: "text", text: "why" }] }] })
      })
    assert.strictEqual((await posted({})).status, 403)
    assert.include(await (await posted(login)).text(), "\"type\":\"finish\"")
  })
  const app = express()
  app.get("/ask", ask)
  await withApp(await listen(app, nothing), async (url) => {
    assert.strictEqual(await (await fetch(`${url}/ask?q=why`)).text(), "classify\nanswer\n")
  })
})

it("a service in production", async () => {
  const errors = vi.spyOn(console, "error").mockImplementation(() => {})
  await withApp(await listen(Production.app, nothing), async (url) => {
    const health = await fetch(`${url}/health`)
    assert.deepStrictEqual([health.status, health.headers.get("x-noukai-session")], [200, null])
    await asks(url)
    await fails(url)
    for (const [session] of errors.mock.calls) assert.match(String(session), /^session [0-9a-f-]{36}:$/)
    assert.lengthOf(errors.mock.calls, 2)
    await checks(url)
    await relays(url, login)

    emulator.reset()
    await checks(url, "/orders/17/answer", "PUT")
    emulator.reset()
    const answer = async (question = "why?", headers: Record<string, string> = {}) => {
      const response = await fetch(`${url}/orders/17/answer`, {
        method: "PUT",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ question })
      })
      return [response.status, await response.json(), response.headers.get("x-noukai-session")]
    }
    emulator.putFlows(failing)
    assert.strictEqual((await answer())[0], 502)
    emulator.putFlows(twoStep)
    const [status, body, session] = await answer()
    assert.deepStrictEqual([status, body], [200, { text: "About your order: why?" }])
    assert.deepStrictEqual(await Promise.all([answer(), answer()]), [[200, body, session], [200, body, session]])
    assert.lengthOf(emulator.ledger().runs, 2)
    assert.deepStrictEqual((await answer("when?"))[1], { text: "About your order: when?" })
    assert.lengthOf(emulator.ledger().runs, 3)

    // the session of the response replays it
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
    assert.deepStrictEqual(await answer("why?", { "x-noukai-replay": String(session) }), [200, body, session])
    vi.unstubAllEnvs()
    assert.lengthOf(emulator.ledger().runs, 3)
  })
  errors.mockRestore()
})

it("route handlers", async () => {
  await withApp(await listenWeb(POST, nothing), asks)
  await withApp(await listenWeb(relayPOST, nothing), (url) => relays(url, login))
})

it("Hono", async () => {
  await withApp(await listenWeb(hono.fetch, nothing), async (url) => {
    await asks(url)
    await relays(url, { "x-login": "ada" })
  })
})

const served = async (server: Layer.Layer<never, unknown, HttpServer.HttpServer | Noukai.Services>) => {
  const node = createServer()
  const runtime = ManagedRuntime.make(
    server.pipe(
      Layer.provide(NodeHttpServer.layer(() => node, { port: 0, host: "127.0.0.1" })),
      Layer.provide(Noukai.layer({ apiKey: Redacted.make("nk_test_anything"), baseUrl: emulator.baseUrl }))
    )
  )
  await runtime.runPromise(Effect.void)
  return {
    url: urlOf(node),
    close: async () => {
      const closed = runtime.dispose()
      node.closeAllConnections()
      await closed
    }
  }
}

it("services with error handlers", async () => {
  const errors = vi.spyOn(console, "error").mockImplementation(() => {})
  try {
    const apps = [
      () => listen(Service.app, nothing),
      () => listenWeb(askPOST, nothing),
      () => listenWeb(honoErrors.fetch, nothing)
    ]
    for (const start of apps) {
      errors.mockClear()
      await withApp(await start(), async (url) => {
        await fails(url)
        await checks(url)
      })
      assert.lengthOf(errors.mock.calls, 2)
    }
    emulator.reset()
    await withApp(await apps[0]!(), asks)
    emulator.reset()
    await withApp(await apps[1]!(), asks)
  } finally {
    errors.mockRestore()
  }
})

it("HttpRouter", async () => {
  await withApp(await served(Platform.Server), async (url) => {
    await asks(url)
    await fails(url)
    await relays(url, login)
  })
})

it("HttpApi", async () => {
  await withApp(await served(HttpApi.Server as typeof Platform.Server), async (url) => {
    await asks(url)
    await fails(url)
  })
})

it("shows a page the steps of a run, and no details of a failure", async () => {
  const { close, url } = await listen(progress, async () => {})
  const events: Array<Progress> = []
  await follow(`${url}/answers`, "why?", (event) => events.push(event))
  assert.deepStrictEqual(events.map(({ type }) => type), ["step", "step", "done"])
  assert.deepInclude(events.at(-1)!, { result: { text: "About your order: why?" } })
  assert.lengthOf(emulator.ledger().runs, 1)

  const said = vi.spyOn(console, "error").mockImplementation(() => {})
  emulator.addFaults({ script: ["503"] })
  const failed: Array<Progress> = []
  await follow(`${url}/answers`, "why?", (event) => failed.push(event))
  assert.deepStrictEqual(failed, [{ type: "failed" }])
  assert.lengthOf(said.mock.calls, 1)
  said.mockRestore()
  await close()
})
