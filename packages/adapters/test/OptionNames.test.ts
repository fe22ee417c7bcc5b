/** A misspelt option of any adapter is refused when the adapter is made. */
import { Relay } from "@effect-noukai/adapters"
import * as Express from "@effect-noukai/adapters/express"
import * as Nextjs from "@effect-noukai/adapters/nextjs"
import * as Platform from "@effect-noukai/adapters/platform"
import { boundAndParseBody, forwardToFlow, resolveBounds } from "@effect-noukai/adapters/relay"
import * as Web from "@effect-noukai/adapters/web"
import { Noukai } from "@effect-noukai/promise"
import { Noukai as SdkNoukai } from "@effect-noukai/sdk"
import { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"

const any = (value: unknown) => value as never

const client = new Noukai({
  apiKey: "nk_test_unused",
  fetch: () => assert.fail("a request was sent"),
  env: "dev",
  port: 9
})

const handler = () => new Response("")

const relay = { client, flow: "a/b/c", authorize: () => true }

const page = { ...relay, owner: () => "all" }

const address = { client, org: "a", project: "b", slug: "c" }

const inputs: ReadonlyArray<readonly [name: string, make: () => unknown, field: string, meant: string]> = [
  ["Express.sessions", () => Express.sessions(any({ client, exlude: [] })), "exlude", "exclude"],
  [
    "Express.noukaiTraceMiddleware",
    () => Express.noukaiTraceMiddleware(any({ client, exlude: [] })),
    "exlude",
    "exclude"
  ],
  ["Express.errorHandler", () => Express.errorHandler(any({ onEror: () => {} })), "onEror", "onError"],
  ["Express.relay", () => Express.relay(any({ ...relay, maxMessage: 1 })), "maxMessage", "maxMessages"],
  ["Express.relay bounds", () => Express.relay(any({ ...relay, bounds: { maxBody: 1 } })), "bounds.maxBody", ""],
  [
    "Web.sessions",
    () => Web.sessions(handler, any({ client, exposeSessions: true })),
    "exposeSessions",
    "exposeSession"
  ],
  ["Express.flowPage", () => Express.flowPage(any({ ...page, onDisconect: "stop" })), "onDisconect", "onDisconnect"],
  ["Web.flowPage", () => Web.flowPage(any({ ...page, maxCostUSD: 1 })), "maxCostUSD", "maxCostUsd"],
  [
    "Web.flowPage tools",
    () => Web.flowPage(any({ ...page, clientTools: { a: { results: 1 } } })),
    "clientTools.a.results",
    "result"
  ],
  [
    "Platform.flowPage",
    () => {
      const made = Platform.flowPage(any({ ...page, client: undefined, serverTool: [] }))
      throw Effect.runSync(Effect.flip(Effect.provide(made, SdkNoukai.layerScripted())))
    },
    "serverTool",
    "serverTools"
  ],
  ["Web.withErrorHandler", () => Web.withErrorHandler(handler, any({ onerrors: 1 })), "onerrors", "onError"],
  ["Web.errorResponse", () => Web.errorResponse(new Error("a"), any({ onEror: 1 })), "onEror", "onError"],
  ["Web.relay", () => Web.relay(any({ ...relay, authoriseTimeout: 1 })), "authoriseTimeout", "authorizeTimeout"],
  [
    "Nextjs.withNoukaiTrace",
    () => Nextjs.withNoukaiTrace(handler, any({ client, whenDisable: "fail" })),
    "whenDisable",
    "whenDisabled"
  ],
  ["Platform.sessions", () => Platform.sessions(any({ whenDisable: "fail" })), "whenDisable", "whenDisabled"],
  ["resolveBounds", () => resolveBounds(any({ maxBodyByte: 1 })), "maxBodyByte", "maxBodyBytes"],
  [
    "Relay.make",
    () =>
      Either.getOrThrowWith(
        Relay.make(any({ flow: "a/b/c", authorize: () => Effect.succeed(true), timout: 1 })),
        (error) => error
      ),
    "timout",
    "timeout"
  ],
  [
    "Platform.relay",
    () => {
      const made = Platform.relay(any({ flow: "a/b/c", authorize: () => Effect.succeed(true), verson: 1 }))
      throw Effect.runSync(Effect.flip(Effect.provide(made, SdkNoukai.layerScripted())))
    },
    "verson",
    "version"
  ]
]

describe("adapters: a misspelt option", () => {
  for (const [name, make, field, meant] of inputs) {
    it(`of ${name} is refused`, () => {
      try {
        make()
      } catch (error) {
        assert.instanceOf(error, InvalidRequestError)
        assert.strictEqual(error.field, field)
        assert.include(error.reason, meant === "" ? "is not an option: " : `is not an option: did you mean ${meant}?`)
        return
      }
      assert.fail("it was made")
    })
  }

  it("in place of the options, or of the client or the handler, a value of another kind is refused", async () => {
    const refusals = (make: (value: never) => unknown, values: ReadonlyArray<unknown>) =>
      Promise.all(values.map(async (value) => {
        try {
          const made: unknown = await make(any(value))
          if (Either.isEither(made) && Either.isLeft(made)) throw made.left
        } catch (error) {
          assert.instanceOf(error, InvalidRequestError, String(error))
          return error.field
        }
        return "taken"
      }))
    const none = [undefined, null, "options", []]
    const makers: ReadonlyArray<readonly [name: string, make: (value: never) => unknown]> = [
      ["Express.sessions", Express.sessions],
      ["Express.relay", Express.relay],
      ["Web.sessions", (value) => Web.sessions(handler, value)],
      ["Web.relay", Web.relay],
      ["Nextjs.withNoukaiTrace", (value) => Nextjs.withNoukaiTrace(handler, value)],
      ["Nextjs.createRelayRoute", Nextjs.createRelayRoute],
      ["Web.flowPage", Web.flowPage],
      ["Express.flowPage", Express.flowPage],
      ["forwardToFlow", (value) => forwardToFlow(value, {})],
      ["boundAndParseBody", (value) => boundAndParseBody("{}", value)],
      ["Relay.make", Relay.make]
    ]
    for (const [name, make] of makers) {
      assert.deepStrictEqual(await refusals(make, none), none.map(() => "options"), name)
    }
    const clients = [undefined, {}, "client"]
    for (const [name, make] of makers.slice(0, 8)) {
      const refused = await refusals((client) => make(any({ client })), clients)
      assert.deepStrictEqual(refused, clients.map(() => "client"), name)
    }
    for (
      const make of [(value: never) => Web.sessions(value, { client }), (value: never) => Web.withErrorHandler(value)]
    ) {
      assert.deepStrictEqual(await refusals(make, none), none.map(() => "handler"))
    }
  })

  it("of forwardToFlow is refused, and nothing is sent", async () => {
    const error = await forwardToFlow(any({ ...address, verson: 1 }), {}).then(
      () => assert.fail("it was sent"),
      (error: unknown) => error
    )
    assert.instanceOf(error, InvalidRequestError)
    assert.strictEqual(error.field, "verson")
  })

  it("a version in the flow of a relay is refused, and is not run at production", () => {
    const flow = any({ org: "a", project: "b", slug: "c", version: 1 })
    assert.throws(() => Web.relay({ ...relay, flow }), /flow\.version: is not part of an address/)
    assert.throws(() => client.flow(flow), /flow\.version: is not part of an address/)
  })
})
