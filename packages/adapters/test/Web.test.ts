/** Cases of the web handlers alone: responses that are none, bodies that are taken, streams that do not let go. */
import { relay, sessions } from "@effect-noukai/adapters/web"
import { currentSessionId, Noukai } from "@effect-noukai/promise"
import type { ReplayError } from "@effect-noukai/sdk"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { openClient } from "./support/promiseClient.js"
import { answer, startWorld } from "./support/world.js"

let scopes: Array<string> = []
let client: Noukai

beforeEach(() => {
  scopes = []
  client = new Noukai({
    apiKey: "nk_test_unused",
    env: "dev",
    port: 9,
    onLog: ({ phase }) => scopes.push(phase)
  })
})

afterEach(() => client.close())

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => assert.fail("resolved"), (error: unknown) => error)

const taken = () => {
  const response = new Response("text")
  response.body!.getReader()
  return response
}

describe("replay-headers: the scope is closed", () => {
  const handlers: { readonly [name: string]: () => Response } = {
    "when a handler gives no response": () => undefined as never,
    "when the body of the response is taken": taken,
    "when a handler throws": () => {
      throw new Error("mine")
    },
    "when a handler throws what does not let itself be looked at": () => {
      throw Object.defineProperty(new Error("mine"), "cause", {
        get: () => {
          throw new Error("not mine")
        }
      })
    }
  }
  for (const [name, handler] of Object.entries(handlers)) {
    it(name, async () => {
      const error = await rejection(sessions(handler, { client })(new Request("http://app/")))
      assert.instanceOf(error, Error)
      assert.notStrictEqual(error.message, "not mine")
      assert.deepStrictEqual(scopes, ["scope_open", "scope_close"])
    })
  }
})

it("the answer to a HEAD does not wait for a body that does not let go", async () => {
  const body = new ReadableStream<Uint8Array>({ cancel: () => new Promise(() => {}) })
  const handler = sessions(() => new Response(body, { headers: { etag: "a" } }), { client })
  const response = await handler(new Request("http://app/", { method: "HEAD" }))
  assert.deepStrictEqual([response.status, response.headers.get("etag"), response.body], [200, "a", null])
  assert.deepStrictEqual(scopes, ["scope_open", "scope_close"])
})

describe("what a handler does inside another that is traced", () => {
  it("belongs to the scope of the outer one", async () => {
    const seen: Array<string | null> = []
    const inner = sessions(() => {
      seen.push(currentSessionId())
      return new Response("x")
    }, { client })
    const response = await sessions(inner, { client })(new Request("http://app/"))
    assert.deepStrictEqual([response.headers.get("x-noukai-session")], seen)
    assert.deepStrictEqual(scopes, ["scope_open", "scope_close"])
  })
})

it("every cookie and the rest of the head of a response stay", async () => {
  const headers = new Headers([["set-cookie", "a=1"], ["set-cookie", "b=2; Path=/"], ["etag", "a"]])
  const handler = sessions(() => new Response("x", { status: 203, statusText: "Fine", headers }), { client })
  const response = await handler(new Request("http://app/"))
  assert.deepStrictEqual(
    [response.status, response.statusText, response.headers.getSetCookie(), response.headers.get("etag")],
    [203, "Fine", ["a=1", "b=2; Path=/"], "a"]
  )
})

it("what is done when the body of an answer to a HEAD is let go belongs to the scope", async () => {
  const seen: Array<string | null> = []
  const body = () => new ReadableStream({ cancel: () => void seen.push(currentSessionId()) })
  const response = await sessions(() => new Response(body()), { client })(
    new Request("http://app/", { method: "HEAD" })
  )
  assert.deepStrictEqual(seen, [response.headers.get("x-noukai-session")])
})

it("replay-headers: a caller that leaves in mid-stream leaves no recordings over", async () => {
  const world = await startWorld()
  const opened = openClient({ emulator: world.emulator, replayEnabled: true, onScope: (phase) => scopes.push(phase) })
  const run = () => opened.client.flow(answer).execute({ message: "hi" })
  const reported: Array<ReplayError> = []
  const waiting = async () =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("first"))
      })
    )
  const options = { client: opened.client, onReplayError: (error: ReplayError) => reported.push(error) }
  const capture = await sessions(() => run().then(() => new Response()), options)(new Request("http://app/"))
  const headers = { "x-noukai-replay": capture.headers.get("x-noukai-session")! }
  const reader = (await sessions(waiting, options)(new Request("http://app/", { headers }))).body!.getReader()
  await reader.read()
  const pending = reader.read()
  // the body is asked for its next piece by the end of another run, and a report is made by the end of one more
  await run()
  await reader.cancel("left")
  assert.deepStrictEqual(await pending, { done: true, value: undefined })
  await run()
  await opened.close()
  await world.emulator.close()
  assert.deepStrictEqual(reported, [])
  assert.deepStrictEqual(scopes, ["scope_open", "scope_close", "scope_open", "scope_close"])
})

describe("relays: a relay", () => {
  const post = () =>
    new Request("http://app/", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })

  const answered = async (request: Request) => {
    const response = await relay({ client, flow: "a/b/c", authorize: () => true })(request)
    assert.strictEqual(response.headers.get("cache-control"), "no-store")
    return [response.status, await response.json()]
  }

  it("of a body that was read, or is being read, is 400 INVALID_JSON", async () => {
    const used = post()
    await used.text()
    const locked = post()
    locked.body!.getReader()
    for (const request of [used, locked]) {
      assert.deepStrictEqual(await answered(request), [400, { detail: "INVALID_JSON" }])
    }
  })

  it("1: a body that says that it is too long is not touched before the answer is read", async () => {
    let touched = 0
    const request = new Request(post(), { headers: { "content-length": "262145", "content-type": "application/json" } })
    Object.defineProperty(request, "body", { get: () => touched++ })
    const response = await relay({ client, flow: "a/b/c", authorize: () => true })(request)
    assert.deepStrictEqual([response.status, response.headers.get("content-length"), touched], [413, "27", 0])
    assert.deepStrictEqual(await response.json(), { detail: "BODY_TOO_LARGE" })
    assert.isAbove(touched, 0)
  })

  it("5: with a client that was closed is 502 UPSTREAM_UNAVAILABLE", async () => {
    await client.close()
    assert.deepStrictEqual(await answered(post()), [502, { detail: "UPSTREAM_UNAVAILABLE" }])
  })

  it("of a caller that has left ends with the caller's reason", async () => {
    const request = new Request(post(), { signal: AbortSignal.abort("left") })
    assert.strictEqual(await rejection(answered(request)), "left")
  })
})
