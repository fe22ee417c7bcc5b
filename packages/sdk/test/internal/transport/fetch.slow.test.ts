import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Fetch from "../../../src/internal/http/fetch.js"
import * as RawServer from "./RawServer.js"
import { openRequest, openScoped, sendRequest, transportSuite, under } from "./transportSuite.js"

const make = Fetch.make({ dispatcher: undefined })

transportSuite({
  name: "fetch",
  make,
  seesSocket: false,
  endsWithScope: false,
  noticesCutOfClosing: false,
  decodes: false
})

const stubGlobal = (name: string, value: unknown) =>
  Effect.acquireRelease(
    Effect.sync(() => vi.stubGlobal(name, value)),
    () => Effect.sync(() => vi.unstubAllGlobals())
  )

describe("fetch", () => {
  it.scopedLive("needs no process", () =>
    Effect.gen(function*() {
      const server = yield* RawServer.make()
      const transport = yield* make
      yield* stubGlobal("process", undefined)
      const sending = yield* under(server, transport.send(sendRequest(server.origin)))
      yield* sending.connection.write(RawServer.response("{}"))
      assert.strictEqual((yield* Fiber.join(sending.fiber)).text, "{}")
    }))

  it.scopedLive("headers: an opaque redirect, of which a browser shows nothing, is a 302", () =>
    Effect.gen(function*() {
      yield* stubGlobal("fetch", () => Promise.resolve(Response.error()))
      const transport = yield* make
      const sent = yield* transport.send(sendRequest("http://127.0.0.1:1"))
      assert.strictEqual(sent.status, 302)
      assert.strictEqual(sent.text, "")
      assert.strictEqual((yield* openScoped(transport, openRequest("http://127.0.0.1:1"))).status, 302)
    }))

  it.scopedLive("asks for redirects not to be followed and passes an AbortSignal, nothing a runtime may not know", () =>
    Effect.gen(function*() {
      const calls: Array<RequestInit> = []
      yield* stubGlobal("fetch", (_: string, init: RequestInit) => {
        calls.push(init)
        return Promise.resolve(new Response("{}"))
      })
      const transport = yield* make
      yield* transport.send(sendRequest("http://127.0.0.1:1"))
      yield* transport.send(sendRequest("http://127.0.0.1:1", { method: "GET", body: undefined }))
      assert.deepStrictEqual(calls.map((init) => Object.keys(init).sort()), [
        ["body", "headers", "method", "redirect", "signal"],
        ["headers", "method", "redirect", "signal"]
      ])
      assert.deepStrictEqual(calls.map((init) => init.redirect), ["manual", "manual"])
    }))

  it.scopedLive("the limit of the body holds for what was decompressed", () =>
    Effect.gen(function*() {
      yield* stubGlobal("fetch", () =>
        Promise.resolve(
          new Response("x".repeat(1000), { headers: { "content-encoding": "gzip", "content-length": "20" } })
        ))
      const transport = yield* make
      const error = yield* Effect.flip(transport.send(sendRequest("http://127.0.0.1:1", { maxBytes: 999 })))
      assert.strictEqual(error._tag, "BodyTooLarge")
    }))
})
