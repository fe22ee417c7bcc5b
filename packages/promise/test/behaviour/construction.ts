/** Making clients and naming flows (1, 1.4). */
import * as Express from "@effect-noukai/adapters/express"
import * as published from "@noukai/sdk/adapters/express"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { hello, outcome, type Parsed, seen, type World } from "../support/world.js"
import { type Behaviour, differs, same } from "./Behaviour.js"

const variables = ["NOUKAI_API_KEY", "NOUKAI_ENV"] as const

/** Runs with these variables and no others of ours. */
const withEnvironment = async (
  values: { readonly [name in (typeof variables)[number]]?: string },
  run: () => Promise<unknown>
): Promise<unknown> => {
  const before = variables.map((name) => [name, process.env[name]] as const)
  try {
    for (const name of variables) {
      if (values[name] === undefined) delete process.env[name]
      else process.env[name] = values[name]
    }
    return await run()
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}

const made = (world: World, options: World["client"] extends (options?: infer O) => unknown ? O : never) =>
  outcome(world, () => {
    new world.sdk.Noukai(options)
    return "made"
  })

const named = (world: World, identifier: Parameters<ReturnType<World["client"]>["flow"]>[0], defaults = {}) =>
  outcome(world, () => {
    const { org, project, slug } = world.client(defaults).flow(identifier)
    return { org, project, slug }
  })

const ownError = { rejected: { name: "Error", noukai: false } }
const typed = { rejected: { name: "InvalidRequestError", noukai: true } }

/** Whether it threw, and that it was an `Error`. */
const threw = async (world: World, attempt: () => unknown): Promise<unknown> => {
  const result = await outcome(world, attempt)
  return "rejected" in result ? result : "nothing was thrown"
}

/** Runs with a global `fetch` that answers from memory, and counts. */
const replacing = async (run: (asked: () => number) => Promise<unknown>): Promise<unknown> => {
  const before = globalThis.fetch
  let count = 0
  globalThis.fetch = () => {
    count++
    return Promise.resolve(
      Response.json({ status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })
    )
  }
  try {
    return await run(() => count)
  } finally {
    globalThis.fetch = before
  }
}

export const construction: ReadonlyArray<Behaviour> = [
  same(
    "servers-and-keys: the key comes from NOUKAI_API_KEY",
    (world) => withEnvironment({ NOUKAI_API_KEY: world.emulator.apiKey }, () => made(world, { env: "dev" }))
  ),
  same(
    "servers-and-keys: no key throws an AuthenticationError",
    (world) => withEnvironment({}, () => made(world, { env: "dev" }))
  ),
  same(
    "servers-and-keys: a key of another shape throws an AuthenticationError",
    (world) => made(world, { apiKey: "sk-1" })
  ),
  differs(
    "misspelled options",
    "an option that is misspelled",
    { reference: { value: "made" }, ours: typed },
    (world) => made(world, { apiKey: "nk_1", env: "dev", timeuot: 5 } as never)
  ),
  differs(
    "misspelled options",
    "an option that does not exist",
    { reference: { value: "made" }, ours: typed },
    (world) => made(world, { apiKey: "nk_1", env: "dev", retries: 5 } as never)
  ),
  same(
    "an empty key is refused, whatever the environment says",
    (world) => withEnvironment({ NOUKAI_API_KEY: world.emulator.apiKey }, () => made(world, { apiKey: "" }))
  ),
  same(
    "a key wins over the environment",
    (world) => withEnvironment({ NOUKAI_API_KEY: "sk-1" }, () => made(world, { apiKey: "nk_1", env: "dev" }))
  ),
  same(
    "servers-and-keys: NOUKAI_ENV may be dev, and an option wins over it",
    (world) =>
      withEnvironment({ NOUKAI_API_KEY: "nk_1", NOUKAI_ENV: "dev" }, async () => [
        await made(world, {}),
        await made(world, { env: "production" })
      ])
  ),
  differs(
    "NOUKAI_ENV",
    "servers-and-keys: a NOUKAI_ENV of another spelling",
    { reference: { value: "made" }, ours: typed },
    (world) => withEnvironment({ NOUKAI_API_KEY: "nk_1", NOUKAI_ENV: "devel" }, () => made(world, {}))
  ),
  differs(
    "mistakes",
    "addresses: org without project",
    { reference: ownError, ours: typed },
    (world) => threw(world, () => world.client({ org: "acme" }))
  ),
  same("addresses: the defaults can be read", async (world) => {
    const { defaultOrg, defaultProject, defaultSessionId } = world.client({ org: "a", project: "b", sessionId: "s" })
    return { defaultOrg, defaultProject, defaultSessionId }
  }),
  same("addresses: a qualified slug, and all three by name", async (world) => [
    await named(world, "acme/support/greet"),
    await named(world, { org: "acme", project: "support", slug: "greet" })
  ]),
  same("addresses: a bare slug takes the defaults, a qualified one wins over them", async (world) => [
    await named(world, "greet", { org: "acme", project: "support" }),
    await named(world, "x/y/z", { org: "acme", project: "support" })
  ]),
  ...["greet", "a/b", "a/b/c/d", "a//c", "", { org: "a", project: "", slug: "c" }].map((identifier) =>
    differs(
      "mistakes",
      `addresses: flow(${JSON.stringify(identifier)}) without defaults`,
      { reference: ownError, ours: typed },
      (world) => threw(world, () => world.client().flow(identifier))
    )
  ),
  differs(
    "addresses",
    "a slug that climbs out of the path",
    { reference: ["POST /seq/keys?x=1"], ours: [] },
    async (world) => {
      await outcome(world, () => world.client().flow({ org: "a", project: "b", slug: "../../keys?x=1#" }).execute())
      return seen(world)
    }
  ),
  same(
    "a global fetch that was replaced before the client was made is what it asks",
    (world) =>
      replacing(async (asked) => {
        const result = await world.client().flow(hello).execute({ message: "hi" })
        return [result.status, asked(), world.emulator.ledger().runsStarted]
      })
  ),
  differs(
    "fetch",
    "a global fetch that is replaced later",
    { reference: [1, 0], ours: [0, 1] },
    async (world) => {
      const noukai = world.client()
      return replacing(async (asked) => {
        await noukai.flow(hello).execute({ message: "hi" })
        return [asked(), world.emulator.ledger().runsStarted]
      })
    }
  ),
  differs(
    "_transport",
    "the transport of a client",
    { reference: ["function", "function"], ours: ["undefined", "undefined"] },
    (world) => {
      const { request, stream } = world.client()._transport as Parsed
      return Promise.resolve([typeof request, typeof stream])
    }
  ),
  differs(
    "constructors",
    "flows, runs and jobs that are made by hand",
    { reference: ["noukai", "ex-1", "ex-1"], ours: Array(3).fill("InvalidRequestError") },
    (world) => {
      const { Flow, Job, Run } = world.sdk as Parsed
      const place = { transport: world.client()._transport, org: "noukai", project: "samples", slug: "hello-world" }
      const making = [
        () => new Flow(place).org,
        () => new Run({ ...place, executionId: "ex-1" }).executionId,
        () => new Job({ ...place, executionId: "ex-1", flowId: "f" }).executionId
      ]
      return Promise.resolve(making.map((make) => {
        try {
          return make()
        } catch (error) {
          return (error as Error).name
        }
      }))
    }
  ),
  differs(
    "words",
    "the words of a missing key",
    { reference: "No API key provided", ours: "new Noukai: there is no key to use" },
    (world) =>
      withEnvironment({}, () => {
        try {
          return Promise.resolve(new world.sdk.Noukai().defaultOrg)
        } catch (error) {
          return Promise.resolve(/^[^.]+?(?=[.]|: no key)/.exec((error as Error).message)?.[0])
        }
      })
  ),
  differs(
    "next",
    "the middleware for Express",
    { reference: ["function"], ours: [] },
    async (world) => {
      const { noukaiTraceMiddleware } = world.name === "ours" ? Express : published
      const middleware = noukaiTraceMiddleware({ client: world.client() as never })
      const server = createServer((request, response) =>
        void middleware(request as never, response as never, (...args: ReadonlyArray<unknown>) => {
          response.end(JSON.stringify(args.map((arg) => typeof arg)))
        })
      )
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      const passed: unknown = await response.json()
      server.closeAllConnections()
      server.close()
      return passed
    }
  ),
  same("close can be repeated", async (world) => {
    const noukai = world.client()
    await noukai.close()
    await noukai.close()
    await noukai[Symbol.asyncDispose]()
    return "closed"
  }),
  differs(
    "close",
    "a call after close",
    {
      reference: ["value", 1],
      ours: [{ name: "APIConnectionError", noukai: true }, 0]
    },
    async (world) => {
      const noukai = world.client()
      await noukai.close()
      const result = await outcome(world, () => noukai.flow(hello).execute({ message: "hi" }))
      return ["rejected" in result ? result.rejected : "value", world.emulator.ledger().runsStarted]
    }
  )
]
