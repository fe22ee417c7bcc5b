/** A studio over runs of the program's own, opened as a browser opens it. */
import * as RunList from "@effect-noukai/studio/RunList"
import { NotFound } from "@effect-noukai/studio/RunsApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { StudioSource } from "@effect-noukai/studio/StudioSource"
import { Effect, Layer, Stream } from "effect"
import { match, strictEqual } from "node:assert/strict"

const list = RunList.make()
list.put({ id: "run-1", flow: "acme/spelling/grade-3", status: "completed", startedAt: 1 })

const source = Layer.succeed(StudioSource, {
  source: Effect.succeed({ kind: "hosted" as const, address: "https://noukai.example/api/v1", flows: [], missing: [] }),
  list: (filter, page) => Effect.sync(() => list.page(filter, page)),
  runs: (filter) => Effect.sync(() => list.all(filter)),
  points: (filter) => Effect.sync(() => list.points(filter)),
  changes: Effect.succeed(Stream.never),
  run: (_, id) => Effect.fail(new NotFound({ message: `no run ${id}` })),
  watch: () => Stream.empty,
  session: (id) => Effect.fail(new NotFound({ message: `no session ${id}` })),
  cassette: (id) => Effect.fail(new NotFound({ message: `no session ${id}` }))
})

const get = (url: string, headers: { readonly [name: string]: string } = {}) =>
  Effect.promise(() => fetch(url, { headers, redirect: "manual" }))

const text = (response: Response) => Effect.promise(() => response.text())

await Effect.runPromise(
  Effect.gen(function*() {
    const { port, url } = yield* Studio.serve()
    const origin = `http://127.0.0.1:${port}`
    strictEqual((yield* get(origin)).status, 401)
    const cookie = (yield* get(url)).headers.get("set-cookie")!.split(";")[0]!
    const page = yield* text(yield* get(origin, { cookie }))
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(page)?.[1]
    match(script ?? "", /^\/assets\//)
    strictEqual(
      (yield* get(origin + script!, { cookie })).headers.get("content-type"),
      "text/javascript; charset=utf-8"
    )
    const runs: unknown = JSON.parse(yield* text(yield* get(`${origin}/api/runs`, { cookie })))
    strictEqual(JSON.stringify(runs).includes("run-1"), true)
    strictEqual((yield* get(`${origin}/api/run?flow=a&id=b`, { cookie })).status, 404)
  }).pipe(Effect.provide(source), Effect.scoped)
)
console.log("ok")
