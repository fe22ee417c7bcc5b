/** The program of the README. */
import { assert, describe, it } from "@effect/vitest"
import { Console, Deferred, Effect } from "effect"
import { client } from "../../../batch/test/support/batches.js"
import { serve } from "./runs.js"

describe("the program of the README", () => {
  it.live("prints an address that answers to its token", () =>
    Effect.gen(function*() {
      const printed = yield* Deferred.make<string>()
      yield* Console.consoleWith((console) =>
        Effect.forkScoped(Effect.withConsole(serve, {
          ...console,
          log: (line: string) => Deferred.succeed(printed, line)
        }))
      )
      const url = (yield* Deferred.await(printed)).replace("open ", "")
      const answer = yield* Effect.promise(() => fetch(url, { redirect: "manual" }))
      assert.strictEqual(answer.status, 303)
      assert.isNotNull(answer.headers.get("set-cookie"))
    }).pipe(Effect.scoped, Effect.provide(client())))
})
