/** A misspelt option, or a wrong number, of a studio and its sources is refused before anything is served or read. */
import * as HostedSource from "@effect-noukai/studio/HostedSource"
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import * as RunList from "@effect-noukai/studio/RunList"
import * as Studio from "@effect-noukai/studio/Studio"
import { StudioSource } from "@effect-noukai/studio/StudioSource"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"

const any = (value: unknown) => value as never

const hosted = { address: "http://127.0.0.1:1", seen: Effect.succeed([]) }

const page = { offset: 0, limit: 10 }

const list = RunList.make()

const thrown: ReadonlyArray<readonly [name: string, call: () => unknown, message: RegExp]> = [
  ["HostedSource", () => HostedSource.layer(any({ ...hosted, adress: "a" })), /adress: .*mean address\?/],
  ["HostedSource", () => HostedSource.layer(any({ ...hosted, intervall: 1 })), /intervall: .*mean interval\?/],
  ["LedgerSource", () => LedgerSource.layer(any({ foldr: "a" })), /foldr: .*mean folder\?/],
  ["LedgerSource", () => LedgerSource.layer(any({ definition: [] })), /definition: .*mean definitions\?/],
  [
    "a definition of LedgerSource",
    () => LedgerSource.layer(any({ definitions: [{ fil: "a" }] })),
    /definitions: invalid fil: .*mean file\?/
  ],
  ["RunList.matches", () => RunList.matches(any({ staus: "failed" })), /staus: .*mean status\?/],
  ["RunList.page", () => list.page(any({ ofFlw: "a" }), page), /ofFlw: .*mean ofFlow\?/],
  ["RunList.page", () => list.page({}, any({ ...page, ofset: 1 })), /ofset: .*mean offset\?/],
  ["RunList.points", () => list.points(any({ form: 1, txt: "a" })), /form: .*mean from\?/],
  ...[NaN, -1, 0.5].flatMap((value) => [
    [
      `RunList, offset ${value}`,
      () => list.page({}, { offset: value, limit: 1 }),
      /offset: must be an integer/
    ] as const,
    [`RunList, limit ${value}`, () => list.page({}, { offset: 0, limit: value }), /limit: must be an integer/] as const
  ]),
  ...[NaN, -1, Infinity].map((interval) =>
    [
      `HostedSource, interval ${interval}`,
      () => HostedSource.layer({ ...hosted, interval }),
      /interval: must be a/
    ] as const
  )
]

const source = Layer.succeed(StudioSource, any({}))

describe("studio: a misspelt option or a wrong number", () => {
  for (const [name, call, message] of thrown) {
    it(`of ${name} throws`, () => assert.throws(call, TypeError, message))
  }

  const options: ReadonlyArray<readonly [options: object, message: RegExp]> = [
    [{ prot: 1 }, /^invalid prot: .*mean port\?/],
    [{ orNxt: true }, /^invalid orNxt: .*mean orNext\?/],
    [{ hiden: [] }, /^invalid hiden: .*mean hidden\?/],
    ...[NaN, -1, 0.5, Infinity, 70_000].map((port) => [{ port }, /^invalid port: must be a whole number/] as const)
  ]
  for (const [given, message] of options) {
    it.effect(`of a studio is refused: ${message.source} ${Object.values(given).join(" ")}`, () =>
      Effect.gen(function*() {
        for (
          const start of [Effect.asVoid(Studio.serve(any(given))), Effect.asVoid(Layer.build(Studio.layer(any(given))))]
        ) {
          const error = yield* Effect.flip(Effect.scoped(Effect.provide(start, source)))
          assert.instanceOf(error, Studio.StudioError)
          assert.strictEqual(error.reason, "Options")
          assert.match(error.message, message)
        }
      }))
  }
})
