/** Wrong numbers and times of every adapter are refused when it is made, so that nothing is served without a limit. */
import { Relay } from "@effect-noukai/adapters"
import * as Express from "@effect-noukai/adapters/express"
import * as Nextjs from "@effect-noukai/adapters/nextjs"
import * as Platform from "@effect-noukai/adapters/platform"
import { boundAndParseBody, forwardToFlow, resolveBounds } from "@effect-noukai/adapters/relay"
import * as Web from "@effect-noukai/adapters/web"
import { Noukai } from "@effect-noukai/promise"
import { Noukai as SdkNoukai } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Either } from "effect"
import { identity } from "effect/Function"

const any = (value: unknown) => value as never

const client = new Noukai({
  apiKey: "nk_test_unused",
  fetch: () => assert.fail("a request was sent"),
  env: "dev",
  port: 9
})

const never = [NaN, -1, -Infinity, null, "", "many", true, {}, []] as const
const counts = [...never, 0.5, 1e21, "5", 5n] as const
const versions = [...counts.filter((value) => value !== "many"), "5", Infinity, "latest"] as const
const times = [...never, "5", "-1 second", " -1 second", -1n, [-1, 0], [NaN, 0], "5 lightyears"] as const
const bounds = [null, 5, "5", [], new Map()] as const

const limits = {
  maxBodyBytes: counts,
  maxMessages: counts,
  maxDepth: counts,
  bodyTimeout: times,
  authorizeTimeout: times,
  timeout: times,
  version: versions
}

const relay = { client, flow: "a/b/c", authorize: () => true }

const ofPromises = { ...limits, bounds, "bounds.maxBodyBytes": counts, "bounds.maxMessages": counts }

const effects = { flow: "a/b/c", authorize: () => Effect.succeed(true) }

type Made = (options: object) => unknown

const inputs: ReadonlyArray<
  readonly [name: string, fields: { readonly [field: string]: ReadonlyArray<unknown> }, make: Made]
> = [
  ["Relay.make", limits, (given) => Either.getOrThrowWith(Relay.make(any({ ...effects, ...given })), identity)],
  [
    "Platform.relay",
    limits,
    (given) =>
      Either.getOrThrowWith(
        Effect.runSync(
          Effect.either(Effect.provide(Platform.relay(any({ ...effects, ...given })), SdkNoukai.layerScripted()))
        ),
        identity
      )
  ],
  ["Web.relay", ofPromises, (given) => Web.relay(any({ ...relay, ...given }))],
  ["Express.relay", ofPromises, (given) => Express.relay(any({ ...relay, ...given }))],
  ["Express.noukaiRelayHandler", ofPromises, (given) => Express.noukaiRelayHandler(any({ ...relay, ...given }))],
  ["Nextjs.createRelayRoute", ofPromises, (given) => Nextjs.createRelayRoute(any({ ...relay, ...given }))],
  ["resolveBounds", { maxBodyBytes: counts, maxMessages: counts }, (given) => resolveBounds(any(given))],
  [
    "boundAndParseBody",
    { maxBodyBytes: counts, maxMessages: counts },
    (given) => boundAndParseBody("{}", any({ maxBodyBytes: 10, maxMessages: 10, ...given }))
  ],
  [
    "forwardToFlow",
    { version: versions, bounds, "bounds.maxBodyBytes": counts },
    (given) => forwardToFlow(any({ client, org: "a", project: "b", slug: "c", ...given }), {})
  ]
]

/** The error of a call, or a text of its result. */
const errorOf = async (make: () => unknown): Promise<unknown> => {
  try {
    return `it was made: ${String(await make())}`
  } catch (error) {
    return error
  }
}

describe("adapters: wrong numbers", () => {
  for (const [name, fields, make] of inputs) {
    it(`of ${name} are refused: ${Object.keys(fields).join(", ")}`, async () => {
      for (const [field, values] of Object.entries(fields)) {
        const [whole, part] = field.split(".") as [string, string | undefined]
        for (const value of values) {
          const error = await errorOf(() => make({ [whole]: part === undefined ? value : { [part]: value } }))
          const shown = `${field} = ${typeof value} ${String(value)}: ${String(error)}`
          const { field: named, name } = error as { readonly field?: string; readonly name?: string }
          assert.strictEqual(name, "InvalidRequestError", shown)
          assert.include([field, part], named, shown)
        }
      }
    })
  }

  it("are taken in their ranges", () => {
    for (const maxBodyBytes of [0, 1, 1_000_000, Infinity, undefined]) {
      assert.isFunction(Web.relay({ ...relay, maxBodyBytes, bounds: { maxMessages: 0 } }))
    }
    for (const timeout of [1, 1.5, Infinity, "5 seconds", [1, 0], 5n, Duration.minutes(1), undefined]) {
      assert.isFunction(Web.relay(any({ ...relay, timeout, bodyTimeout: timeout, authorizeTimeout: timeout })))
    }
  })
})
