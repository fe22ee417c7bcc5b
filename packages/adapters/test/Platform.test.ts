/** Cases of the platform alone: responses that are streams of Node or of the web, and apps within apps. */
import * as Platform from "@effect-noukai/adapters/platform"
import { FlowService, Noukai } from "@effect-noukai/sdk"
import { HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, ManagedRuntime, Redacted, Stream } from "effect"
import { createServer } from "node:http"
import { Readable } from "node:stream"
import type { ReadableStream as WebStream } from "node:stream/web"
import { afterAll, afterEach, assert, beforeAll, describe, expect, it } from "vitest"
import { urlOf } from "./support/listen.js"
import { answer, plantedKey, type RunningApp, startWorld, type World } from "./support/world.js"

let world: World
let app: RunningApp | undefined

beforeAll(async () => {
  world = await startWorld()
})

afterAll(() => world.emulator.close())

afterEach(async () => {
  await app?.close()
  app = undefined
})

const startOver = async <R, E>(
  noukai: Layer.Layer<R, E>,
  served: Layer.Layer<never, never, HttpServer.HttpServer | R>
): Promise<string> => {
  const server = createServer()
  const runtime = ManagedRuntime.make(served.pipe(
    Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })),
    Layer.provide(noukai)
  ))
  await runtime.runPromise(Effect.void)
  app = {
    url: urlOf(server),
    close: async () => {
      const closed = runtime.dispose()
      server.closeAllConnections()
      await closed
    }
  }
  return app.url
}

const start = (served: Layer.Layer<never, never, HttpServer.HttpServer | Noukai.Services>): Promise<string> =>
  startOver(
    Noukai.layer({ apiKey: Redacted.make(plantedKey), baseUrl: world.emulator.baseUrl, replayEnabled: true }),
    served
  )

const run = Effect.gen(function*() {
  const flows = yield* FlowService
  const { result } = yield* flows.execute(answer, { message: "hi" })
  return JSON.stringify(result)
})

/** Runs the flow when it is read. */
const lazily = Effect.map(
  Effect.runtime<FlowService>(),
  (runtime) =>
    Stream.toReadableStreamRuntime(Stream.encodeText(Stream.fromEffect(Effect.delay(run, "20 millis"))), runtime)
)

const replies = {
  "a stream of Node": Effect.map(
    lazily,
    (stream) =>
      HttpServerResponse.raw(Readable.fromWeb(stream as WebStream), { headers: { "content-type": "text/x-pieces" } })
  ),
  "a stream of the platform": Effect.map(
    Effect.context<FlowService>(),
    (context) =>
      HttpServerResponse.stream(Stream.encodeText(Stream.provideContext(Stream.fromEffect(run), context)), {
        contentType: "text/x-pieces"
      })
  )
}

describe("replay-headers: a response that comes piece by piece", () => {
  for (const [name, reply] of Object.entries(replies)) {
    it(`${name}: is captured and replayed as it comes`, async () => {
      const url = await start(HttpServer.serve(Platform.sessions()(HttpRouter.empty.pipe(HttpRouter.get("/", reply)))))
      const response = await fetch(url)
      const session = response.headers.get("x-noukai-session")!
      assert.strictEqual(await response.text(), "{\"text\":\"You said: hi\"}")
      assert.isTrue(world.emulator.ledger().runs.some(({ sessionId }) => sessionId === session))
      const { runs } = world.counts()
      const again = await fetch(url, { headers: { "x-noukai-replay": session } })
      assert.deepStrictEqual([again.status, await again.text()], [200, "{\"text\":\"You said: hi\"}"])
      for (const { headers } of [response, again]) assert.strictEqual(headers.get("content-type"), "text/x-pieces")
      assert.strictEqual(world.counts().runs, runs)
    })
  }
})

it("replay-headers: a body that comes piece by piece is closed when its caller leaves", async () => {
  const bodies: Array<() => boolean> = []
  const first = new TextEncoder().encode("first")
  const replies = {
    "/node": () => {
      const body = new Readable({ read() {} })
      body.push(first)
      bodies.push(() => body.destroyed)
      return body
    },
    "/web": () => {
      let isClosed = false
      bodies.push(() => isClosed)
      return new ReadableStream({
        start: (controller) => controller.enqueue(first),
        cancel: () => void (isClosed = true)
      })
    }
  }
  const routes = Object.entries(replies).map(([path, body]) =>
    HttpRouter.makeRoute("GET", path as "/", Effect.map(run, () => HttpServerResponse.raw(body())))
  )
  const url = await start(HttpServer.serve(Platform.sessions()(HttpRouter.fromIterable(routes))))
  const leave = new AbortController()
  const { headers } = await fetch(`${url}/node`, { signal: leave.signal })
  const session = headers.get("x-noukai-session")!
  for (const path of Object.keys(replies)) {
    const replayed = await fetch(url + path, { headers: { "x-noukai-replay": session }, signal: leave.signal })
    assert.deepStrictEqual((await replayed.body!.getReader().read()).value, first)
  }
  assert.deepStrictEqual(bodies.map((isClosed) => isClosed()), [false, false, false])
  leave.abort()
  await expect.poll(() => bodies.map((isClosed) => isClosed())).toEqual([true, true, true])
})

it("replay-headers: used twice, it is one scope", async () => {
  const router = HttpRouter.empty.pipe(HttpRouter.get("/", Effect.map(run, (text) => HttpServerResponse.text(text))))
  const url = await start(HttpServer.serve(Platform.sessions()(Platform.sessions()(router))))
  const response = await fetch(url)
  const session = response.headers.get("x-noukai-session")!
  const again = await fetch(url, { headers: { "x-noukai-replay": session } })
  assert.deepStrictEqual([again.status, await again.text()], [200, await response.text()])
})

describe("over the fake of Noukai.layerTest", () => {
  const fake = Noukai.layerTest((slug, { message }) => Effect.succeed({ text: `${slug}: ${message}` }))

  it("a traced app has a session, with and without a wish to replay", async () => {
    const router = HttpRouter.empty.pipe(HttpRouter.get("/", Effect.map(run, (text) => HttpServerResponse.text(text))))
    const url = await startOver(fake, HttpServer.serve(Platform.sessions()(router)))
    const asked = { "x-noukai-replay": "0197b1a2-0000-4000-8000-000000000001" }
    for (const headers of [{}, asked]) {
      const response = await fetch(url, { headers })
      assert.deepStrictEqual([response.status, await response.text()], [200, "{\"text\":\"answer: hi\"}"])
      assert.match(response.headers.get("x-noukai-session") ?? "", /^[0-9a-f-]{36}$/)
      assert.notStrictEqual(response.headers.get("x-noukai-session"), asked["x-noukai-replay"])
    }
  })

  it("a relay answers with the fake's result", async () => {
    const router = Effect.map(
      Platform.relay({ flow: "acme/test/hello", authorize: () => Effect.succeed(true) }),
      (relay) => HttpRouter.empty.pipe(HttpRouter.post("/", relay))
    )
    const url = await startOver(
      fake,
      Layer.unwrapEffect(Effect.map(Effect.orDie(router), (router) => HttpServer.serve(router)))
    )
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{\"message\":\"hi\"}"
    })
    assert.deepInclude(await response.json(), { status: "completed", result: { text: "hello: hi" } })
  })
})
