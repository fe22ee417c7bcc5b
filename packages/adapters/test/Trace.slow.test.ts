/** Capture and replay per request (docs/wire.md#scopes, docs/wire.md#replay-headers): one suite, on every framework, over real sockets. */
import type { ReplayError } from "@effect-noukai/sdk"
import { randomUUID } from "node:crypto"
import { request as httpRequest } from "node:http"
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"
import { deal, share, size } from "../../sdk/test/support/size.js"
import { express } from "./support/apps/express.js"
import { platform } from "./support/apps/platform.js"
import { web } from "./support/apps/web.js"
import {
  answer,
  foreign,
  foreignKey,
  plantedKey,
  type RunningApp,
  type Setup,
  startWorld,
  type World
} from "./support/world.js"

const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

let world: World
let app: RunningApp | undefined

beforeAll(async () => {
  world = await startWorld()
})

afterAll(() => world.emulator.close())

beforeEach(() => world.emulator.reset())

afterEach(async () => {
  world.gate.open()
  await app?.close()
  app = undefined
})

const frameworks = [...express, ...platform, ...web]

for (const [at, framework] of frameworks.entries()) {
  const isDealt = deal(at, frameworks.length, 1)

  const rule: (name: string, test: () => Promise<void>) => void = (name, test) => {
    if (isDealt()) it(name, test)
  }

  describe(framework.name, () => {
    const start = async (setup: Partial<Setup> = {}): Promise<void> => {
      await app?.close()
      app = await framework.start({ emulator: world.emulator, replayEnabled: true, ...setup })
    }

    const send = (path: string, message: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
      fetch(`${app?.url}${path}`, {
        method: "POST",
        headers: { "content-type": "text/plain", ...headers },
        body: message,
        ...init
      })

    const replay = (path: string, session: string, message = "again") =>
      send(path, message, { "x-noukai-replay": session })

    const sessionOf = (response: Response): string => response.headers.get("x-noukai-session") ?? "none"

    /** Captures a request and gives its session. */
    const captured = async (path: string, message = "hi"): Promise<string> => {
      const response = await send(path, message)
      await response.text()
      return sessionOf(response)
    }

    rule("replay-headers: a capture: the response names the session that its runs belong to", async () => {
      await start()
      const response = await send("/answer", "hi")
      assert.strictEqual(response.status, 200)
      const session = sessionOf(response)
      assert.match(session, version4)
      assert.deepStrictEqual(await response.json(), { result: { text: "You said: hi" }, session })
      assert.deepStrictEqual(world.emulator.ledger().runs.map((run) => run.sessionId), [session])
      const other = await send("/none", "")
      assert.deepStrictEqual(await other.json(), { ok: true })
      assert.match(sessionOf(other), version4)
      assert.notStrictEqual(sessionOf(other), session)
    })

    rule("replay-headers: a replay: the recorded results, one fetch, and nothing runs", async () => {
      await start()
      const session = await captured("/answer", "first")
      const before = world.counts()
      const response = await replay("/answer", session, "something else")
      assert.strictEqual(response.status, 200)
      assert.strictEqual(sessionOf(response), session)
      assert.deepStrictEqual(await response.json(), { result: { text: "You said: first" }, session })
      assert.deepStrictEqual(world.counts(), {
        runs: before.runs,
        fetches: before.fetches + 1,
        requests: before.requests + 1
      })
    })

    rule("replay-headers: of repeated and of joined values the first counts", async () => {
      await start()
      const session = await captured("/answer")
      const joined = await send("/answer", "x", { "x-noukai-replay": ` ${session} , ${randomUUID()}` })
      assert.deepStrictEqual([joined.status, sessionOf(joined)], [200, session])
      const repeated = await new Promise<[number | undefined, unknown]>((resolve, reject) => {
        const request = httpRequest(`${app?.url}/answer`, { method: "POST" }, (response) => {
          response.resume()
          resolve([response.statusCode, response.headers["x-noukai-session"]])
        })
        request.on("error", reject)
        request.setHeader("content-type", "text/plain")
        request.setHeader("x-noukai-replay", [session, randomUUID()])
        request.end("x")
      })
      assert.deepStrictEqual(repeated, [200, session])
    })

    rule("a blank value is none", async () => {
      await start()
      for (const blank of ["", "  ", ", ,"]) {
        const response = await send("/answer", "hi", { "x-noukai-replay": blank })
        assert.strictEqual(response.status, 200)
        assert.match(sessionOf(response), version4)
      }
      assert.strictEqual(world.counts().runs, 3)
      assert.strictEqual(world.counts().fetches, 0)
    })

    const failed = async (response: Response, status: number, error: string, noise: ReadonlyArray<string> = []) => {
      const text = await response.text()
      expect([response.status, text]).toEqual([status, expect.stringContaining(error)])
      const body = JSON.parse(text)
      assert.deepStrictEqual(Object.keys(body), ["error", "message"])
      assert.strictEqual(body.error, error)
      assert.isNotEmpty(body.message)
      assert.match(response.headers.get("content-type") ?? "", /^application\/json/)
      assert.strictEqual(response.headers.get("cache-control"), "no-store")
      for (const secret of [plantedKey, ...noise]) assert.notInclude(text, secret)
    }

    rule("replay-headers: what cannot be opened: 400 replay_invalid_session, before any request", async () => {
      await start()
      const ids = ["nonsense", "../../keys?x=1", `${randomUUID()}x`, "%2e%2e", "0".repeat(36)]
      for (const id of share(ids, at, 3)) {
        await failed(await replay("/answer", id), 400, "replay_invalid_session")
      }
      assert.strictEqual(world.counts().requests, 0)
    })

    rule("replay-headers: what cannot be opened: 403 replay_forbidden", async () => {
      const session = randomUUID()
      const [org, project, flow] = foreign.split("/")
      const run = await fetch(`${world.emulator.baseUrl}/seq/${org}/${project}/${flow}/execute`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${foreignKey}`,
          "content-type": "application/json",
          "x-session-id": session
        },
        body: "{\"message\":\"hi\"}"
      })
      assert.strictEqual(run.status, 200)
      await start()
      await failed(await replay("/answer", session), 403, "replay_forbidden")
    })

    rule("replay-headers: what cannot be opened: 404 replay_session_not_found", async () => {
      await start()
      await failed(await replay("/answer", randomUUID()), 404, "replay_session_not_found")
    })

    rule("replay-headers: what cannot be opened: 410 replay_session_expired", async () => {
      await start()
      const session = await captured("/answer")
      world.emulator.expireSession(session)
      await failed(await replay("/answer", session), 410, "replay_session_expired")
    })

    rule("replay-headers: what cannot be opened: 409 replay_no_snapshots", async () => {
      await start()
      world.emulator.putOrganisation("acme", { capture: "metadata_only" })
      const session = await captured("/answer")
      await failed(await replay("/answer", session), 409, "replay_no_snapshots")
    })

    rule(
      "replay-headers: what cannot be opened: 502 when Noukai does not answer, 500 when it does not let us in; nobody is told more",
      async () => {
        await start()
        const session = await captured("/answer")
        const script = share(["503", "reset", "html", "429:retry=30"], at, 2) as [string, ...Array<string>]
        world.emulator.addFaults({ match: { endpoint: "session" }, script })
        for (const _ of script) {
          await failed(await replay("/answer", session), 502, "replay_unavailable", ["127.0.0.1"])
        }
        world.emulator.revokeKey(plantedKey)
        await failed(await replay("/answer", session), 500, "replay_error", ["NOUKAI_API_KEY"])
      }
    )

    rule("replay-headers: a miss is 500 replay_error, whatever the handler made of it; nothing goes live", async () => {
      await start()
      const session = await captured("/none")
      await captured("/answer")
      const foreignToIt = await captured("/stream")
      const { runs } = world.counts()
      await failed(await replay("/answer", foreignToIt), 500, "replay_error")
      await failed(await replay("/answer", session), 404, "replay_session_not_found")
      assert.strictEqual(world.counts().runs, runs)
    })

    rule("replay-headers: a recorded run that did not end is 409 replay_unfinished; nothing goes live", async () => {
      await start()
      const controller = new AbortController()
      const captured = send("/never", "", {}, { signal: controller.signal }).catch(() => undefined)
      const session = await vi.waitFor(() => {
        const [run] = world.emulator.ledger().runs
        assert.isDefined(run?.sessionId)
        return run!.sessionId!
      }, 30_000)
      for (const when of ["while it runs", "after its caller has left"]) {
        const response = await replay("/never", session)
        assert.strictEqual(sessionOf(response), session, when)
        await failed(response, 409, "replay_unfinished")
        controller.abort()
        await captured
      }
      assert.strictEqual(world.counts().runs, 1)
    })

    rule("a handler that takes a miss for an answer is left alone", async () => {
      await start()
      const session = await captured("/stream")
      const response = await replay("/caught", session)
      // what is left over is the replay's, all the same
      await failed(response, 500, "replay_error")
      const whole = await captured("/caught")
      assert.strictEqual((await replay("/caught", whole)).status, 200)
    })

    rule("replay-headers: leftovers are 500 replay_error, as long as the response has not begun", async () => {
      await start()
      const session = await captured("/answer")
      const response = await replay("/none", session)
      assert.strictEqual(sessionOf(response), session)
      await failed(response, 500, "replay_error")
    })

    rule("what fails beside the replay fails as ever", async () => {
      await start()
      const session = await captured("/answer")
      const response = await replay("/broken", session)
      assert.strictEqual(response.status, 500)
      assert.notInclude(await response.text(), "replay_error")
    })

    rule("scopes: while replay is off the header is passed over, with a warning", async () => {
      const warnings: Array<string> = []
      await start({ replayEnabled: false, onWarning: (text) => warnings.push(text) })
      const session = randomUUID()
      const response = await replay("/answer", session, "live")
      assert.strictEqual(response.status, 200)
      assert.notStrictEqual(sessionOf(response), session)
      assert.deepStrictEqual(await response.json(), {
        result: { text: "You said: live" },
        session: sessionOf(response)
      })
      assert.deepStrictEqual(world.counts(), { runs: 1, fetches: 0, requests: 1 })
      assert.lengthOf(warnings.filter((text) => text.includes("NOUKAI_REPLAY_ENABLED")), 1)
      // not even an id that is none is looked at
      assert.strictEqual((await replay("/answer", "nonsense")).status, 200)
    })

    rule("or it is a 500, by choice", async () => {
      await start({ replayEnabled: false, options: { whenDisabled: "fail" } })
      await failed(await replay("/answer", randomUUID()), 500, "replay_error")
      assert.strictEqual(world.counts().requests, 0)
    })

    rule("excluded paths have no scope", async () => {
      await start({ options: { exclude: ["/health", /^\/no/] } })
      const health = await fetch(`${app?.url}/health?deep=1`)
      assert.deepStrictEqual([health.status, sessionOf(health)], [200, "none"])
      assert.strictEqual(sessionOf(await send("/none", "", { "x-noukai-replay": randomUUID() })), "none")
      assert.match(await captured("/answer"), version4)
    })

    rule("pages of other origins may read the session, by choice", async () => {
      await start({ options: { exposeSession: true } })
      const exposed = await send("/none", "")
      assert.strictEqual(exposed.headers.get("access-control-expose-headers"), "x-noukai-session")
      await start()
      assert.isNull((await send("/none", "")).headers.get("access-control-expose-headers"))
    })

    const lines = async (
      response: Response,
      after: (line: string) => void = () => {}
    ): Promise<ReadonlyArray<string>> => {
      const seen: Array<string> = []
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      for (let { value } = await reader.read(); value !== undefined; { value } = await reader.read()) {
        seen.push(value)
        after(value)
      }
      return seen
    }

    rule("a response that comes piece by piece is sent as it comes, captured and replayed", async () => {
      await start()
      world.gate.shut()
      const response = await send("/stream", "hi")
      // the second piece is not there before the first has been read
      const pieces = await lines(response, (line) => line === "first hi one\n" ? world.gate.open() : undefined)
      assert.deepStrictEqual(pieces, ["first hi one\n", "second hi two\n"])
      assert.deepStrictEqual(
        world.emulator.ledger().runs.map((run) => run.sessionId),
        [sessionOf(response)]
      )
      const before = world.counts()
      const again = await replay("/stream", sessionOf(response), "other")
      assert.strictEqual(await again.text(), "first hi one\nsecond hi two\n")
      assert.strictEqual(again.headers.get("content-type")?.split(";")[0], "text/plain")
      assert.strictEqual(world.counts().runs, before.runs)
    })

    /** A second recording under the same session. */
    const extraRun = async (session: string): Promise<void> => {
      const [org, project, flow] = answer.split("/")
      const extra = await fetch(`${world.emulator.baseUrl}/seq/${org}/${project}/${flow}/execute`, {
        method: "POST",
        headers: { authorization: `Bearer ${plantedKey}`, "content-type": "application/json", "x-session-id": session },
        body: "{\"message\":\"hi\"}"
      })
      assert.strictEqual(extra.status, 200)
    }

    rule(
      "what is left over once the response has begun is logged and reported; the response stays",
      async () => {
        const reported: Array<ReplayError> = []
        const warnings: Array<string> = []
        let told = () => {}
        const report = new Promise<void>((resolve) => {
          told = resolve
        })
        await start({
          onWarning: (text) => warnings.push(text),
          onReplayError: (error) => {
            reported.push(error)
            told()
          }
        })
        const session = await captured("/stream")
        await extraRun(session)
        const response = await replay("/stream", session)
        assert.strictEqual(await response.text(), "first hi one\nsecond hi two\n")
        assert.strictEqual(response.status, 200)
        await report
        assert.deepStrictEqual(reported.map(({ _tag }) => _tag), ["ReplayLeftoverError"])
        assert.lengthOf(warnings.filter((text) => text.includes("the response was sent all the same")), 1)
      }
    )

    rule("what onReplayError throws, now or later, breaks nothing", async () => {
      const scopes: Array<string> = []
      const warnings: Array<string> = []
      const hooks = [
        () => {
          throw new Error("mine")
        },
        () => {
          throw new Proxy(new Error("mine"), { get: () => assert.fail("looked at") })
        },
        () => Promise.reject(new Error("mine"))
      ]
      const left = [...hooks]
      await start({
        onScope: (phase) => scopes.push(phase),
        onWarning: (text) => warnings.push(text),
        onReplayError: () => left.shift()?.()
      })
      const session = await captured("/stream")
      await extraRun(session)
      for (const _ of hooks) {
        const response = await replay("/stream", session)
        assert.strictEqual(await response.text(), "first hi one\nsecond hi two\n")
      }
      await expect.poll(() => scopes.filter((phase) => phase === "scope_close").length).toBe(hooks.length + 1)
      const ignored = () => warnings.filter((text) => text.includes("onReplayError")).length
      await expect.poll(ignored).toBe(hooks.length)
    })

    rule("a miss in mid-response is reported, and nothing more is sent", async () => {
      // frameworks write what broke a response there
      const errors = vi.spyOn(console, "error").mockImplementation(() => {})
      const reported: Array<ReplayError> = []
      await start({ onReplayError: (error) => reported.push(error) })
      const session = await captured("/stream")
      const before = world.counts()
      const sent = await replay("/late", session).then((response) => response.text()).catch(() => "")
      assert.notInclude(sent, "done")
      await expect.poll(() => reported.map(({ _tag }) => _tag)).toEqual(["ReplayMissError"])
      assert.strictEqual(world.counts().runs, before.runs)
      errors.mockRestore()
    })

    rule("many requests at once, each in its own session, see only what is theirs", async () => {
      await start()
      const messages = Array.from({ length: size(50, 6) }, (_, n) => `message ${n}`)
      const sessions = await Promise.all(messages.map((message) => captured("/answer", message)))
      assert.strictEqual(new Set(sessions).size, messages.length)
      const before = world.counts()
      const replays = await Promise.all(sessions.map(async (session) => (await replay("/answer", session)).json()))
      assert.deepStrictEqual(
        replays,
        sessions.map((session, n) => ({ result: { text: `You said: ${messages[n]}` }, session }))
      )
      assert.strictEqual(world.counts().runs, before.runs)
    })

    /** Whether the app has given up the connection of a run. */
    const closedByUs = () =>
      world.emulator.ledger().connections.some(({ closedBy, requests }) => requests > 0 && closedBy === "client")

    rule("a caller that leaves ends the scope and the flow", async () => {
      const scopes: Array<string> = []
      let closed = () => {}
      const left = new Promise<void>((resolve) => {
        closed = resolve
      })
      await start({
        onScope: (phase) => {
          scopes.push(phase)
          if (phase === "scope_close") closed()
        }
      })
      const controller = new AbortController()
      const response = send("/never", "", {}, { signal: controller.signal })
      const isRunning = () => world.emulator.ledger().steps.some((step) => step.outcome === "running")
      await expect.poll(isRunning).toBe(true)
      assert.deepStrictEqual(scopes, ["scope_open"])
      controller.abort()
      await expect(response).rejects.toThrow()
      await left
      await expect.poll(closedByUs).toBe(true)
      assert.deepStrictEqual(scopes, ["scope_open", "scope_close"])
    })

    rule("a caller that leaves in mid-response ends the scope and the flow", async () => {
      const scopes: Array<string> = []
      await start({ onScope: (phase) => scopes.push(phase) })
      world.gate.shut()
      const controller = new AbortController()
      const response = await send("/stream", "hi", {}, { signal: controller.signal })
      const reader = response.body!.getReader()
      assert.strictEqual(new TextDecoder().decode((await reader.read()).value), "first hi one\n")
      controller.abort()
      await expect.poll(() => scopes).toEqual(["scope_open", "scope_close"])
      await expect.poll(closedByUs).toBe(true)
    })

    rule("replay-headers: scopes are closed when the response has been sent", async () => {
      const scopes: Array<string> = []
      await start({ onScope: (phase, session) => scopes.push(`${phase} ${session}`) })
      const session = await captured("/answer")
      await captured("/stream")
      await (await replay("/answer", session)).text()
      await expect.poll(() => scopes.length).toBe(6)
      for (const phase of ["scope_open", "scope_close"]) assert.include(scopes, `${phase} ${session}`)
    })
  })
}
