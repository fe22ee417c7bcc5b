/** Answers before the body has been read: whoever is still sending gets to see them, on every framework. */
import { afterAll, afterEach, assert, beforeAll, describe, expect, it } from "vitest"
import { deal, isWhole, size } from "../../sdk/test/support/size.js"
import { express } from "./support/apps/express.js"
import { platform } from "./support/apps/platform.js"
import { web } from "./support/apps/web.js"
import { Connection, type LongRequest } from "./support/connection.js"
import { relays, traced } from "./support/relays.js"
import { startUpstream, type Upstream } from "./support/upstream.js"
import { type RunningApp, startWorld, type World } from "./support/world.js"

let app: RunningApp | undefined

const open = async (): Promise<Connection> => {
  const connection = await Connection.open(app!.url)
  connections.push(connection)
  return connection
}

const connections: Array<Connection> = []

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close()
  await app?.close()
  app = undefined
})

const framings = ["Content-Length", "chunked"] as const

/** The request, and one after it on the same connection. */
const answersOf = async ({ url }: RunningApp, request: LongRequest): Promise<ReadonlyArray<number>> => {
  const connection = await Connection.open(url)
  try {
    await connection.send(request)
    await connection.sendSmall(request.path)
    await connection.answered(2)
    return connection.statuses()
  } finally {
    connection.close()
  }
}

const answers = (request: LongRequest) => answersOf(app!, request)

describe("relays: a relay", () => {
  let upstream: Upstream

  beforeAll(async () => {
    upstream = await startUpstream()
  })

  afterAll(() => upstream.close())

  const path = "/agent/execute"

  /** One for each way of reading a request: of Node's, of the platform's, and of the web's. */
  const thorough = ["Express 5", "HttpRouter", "Hono, traced"]

  for (const [at, framework] of [...relays, ...traced].entries()) {
    const way = thorough.indexOf(framework.name)

    const isThorough = isWhole || way === 0

    const isDealt = way === -1 ? deal(at, 7, 1) : deal(way, thorough.length, 1)

    const rule: (name: string, test: () => Promise<void>) => void = (name, test) => {
      if (isDealt()) it(name, test)
    }

    describe(framework.name, () => {
      const start = async () => {
        app = await framework.start({ port: upstream.port, flow: "acme/support/agent", authorize: () => true })
      }

      const eachTime = async (requests: ReadonlyArray<LongRequest>, status: number) => {
        const all = requests.map(async (request) => [request, await answers(request)])
        assert.deepStrictEqual(await Promise.all(all), requests.map((request) => [request, [status, 200]]))
      }

      rule("1: a body over the limit is 413 whatever its size, and the next request is answered", async () => {
        await start()
        const sizes = [[262_145, false], [300_000, true], [size(2_000_000, 600_000), false], [
          size(2_000_000, 600_000),
          true
        ], [
          size(20_000_000, 1_000_000),
          true
        ]] as const
        await eachTime(
          sizes.flatMap(([bytes, isDeaf]) => framings.map((framing) => ({ path, bytes, framing, isDeaf }))),
          413
        )
      })

      rule("1: it is answered when it is known, and the rest may come later", async () => {
        await start()
        for (const framing of framings) {
          const connection = await open()
          const atHalf = () => expect.poll(connection.soFar).toContain("{\"detail\":\"BODY_TOO_LARGE\"}")
          await connection.send({ path, bytes: 2_000_000, framing, atHalf })
          assert.deepStrictEqual(connection.statuses(), [413])
          await connection.sendSmall(path)
          await expect.poll(connection.statuses).toEqual([413, 200])
        }
      })

      rule("1: requests that come behind it in one go are answered in order", async () => {
        await start()
        for (const framing of framings) {
          const connection = await open()
          for (let n = 0; n < 3; n++) {
            await connection.send({ path, bytes: 600_000, framing })
            await connection.sendSmall(path)
          }
          await expect.poll(connection.statuses).toEqual([413, 200, 413, 200, 413, 200])
        }
      })

      rule("1: a body that does not end is cut off after 64 MiB", async () => {
        await start()
        const connection = await open()
        await connection.begin({ path, bytes: 0, framing: "chunked" })
        if (!isThorough) {
          for (let n = 0; n < 64; n++) await connection.part("chunked")
          assert.deepStrictEqual([connection.statuses(), connection.isClosed()], [[413], false])
          return
        }
        while (!connection.isClosed()) await connection.part("chunked")
        assert.deepStrictEqual(connection.statuses(), [413])
        // what is on its way is not read
        assert.isBelow(connection.socket.bytesWritten, 96 * 1024 * 1024)
      })

      rule("1: a caller that leaves with the answer harms nobody", async () => {
        await start()
        for (const framing of framings) {
          const connection = await open()
          const atHalf = async () => {
            await expect.poll(connection.statuses).toEqual([413])
            connection.close()
            await expect.poll(connection.isClosed).toBe(true)
          }
          await connection.send({ path, bytes: 2_000_000, framing, atHalf })
        }
        const other = await open()
        await other.sendSmall(path)
        await expect.poll(other.statuses).toEqual([200])
      })

      rule("1: many at once", async () => {
        await start()
        const all = Array.from(
          { length: size(40, 8) },
          (_, n) => answers({ path, bytes: 300_000 + n * 10_000, framing: framings[n % 2]!, isDeaf: n % 3 === 0 })
        )
        assert.deepStrictEqual(await Promise.all(all), all.map(() => [413, 200]))
      })

      rule("another method is 405, whatever it sends", async () => {
        await start()
        await eachTime(
          ["PUT", "DELETE", "OPTIONS"].flatMap((method) =>
            framings.map((framing) => ({
              path,
              method,
              bytes: size(2_000_000, 600_000),
              framing,
              pauseBetween: 1,
              isDeaf: true
            }))
          ),
          405
        )
      })
    })
  }

  // callers that are slow, at the same time on all of them
  for (const framework of [...relays, ...traced]) {
    describe.concurrent(framework.name, () => {
      it("1: and however slowly it comes", async ({ onTestFinished }) => {
        const app = await framework.start({ port: upstream.port, flow: "acme/support/agent", authorize: () => true })
        onTestFinished(app.close)
        const all = framings.map((framing) =>
          answersOf(app, { path, bytes: size(12_000_000, 1_000_000), framing, isDeaf: true, pauseBetween: 5 })
        )
        assert.deepStrictEqual(await Promise.all(all), all.map(() => [413, 200]))
      })
    })
  }
})

describe("replay-headers: a replay that cannot be opened", () => {
  let world: World

  beforeAll(async () => {
    world = await startWorld()
  })

  afterAll(() => world.emulator.close())

  for (const framework of [...express, ...platform, ...web]) {
    it.concurrent(`${framework.name}: is 400, whatever the request sends`, async ({ onTestFinished }) => {
      const app = await framework.start({ emulator: world.emulator, replayEnabled: true })
      onTestFinished(app.close)
      const headers = ["X-Noukai-Replay: nonsense"]
      const all = framings.map((framing) =>
        answersOf(app, {
          path: "/none",
          headers,
          bytes: size(10_000_000, 1_000_000),
          framing,
          pauseBetween: 5,
          isDeaf: true
        })
      )
      assert.deepStrictEqual(await Promise.all(all), [[400, 200], [400, 200]])
    })
  }
})
