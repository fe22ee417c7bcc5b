/** The Promise client in a program of Effect 4. Each of them loads its own Effect. */
import { APIConnectionError, Noukai, traceScope } from "@effect-noukai/promise"
import { Effect, Schema, Stream } from "effect"
import { deepStrictEqual, match, strictEqual } from "node:assert/strict"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { createRequire } from "node:module"

const versionFrom = (place) =>
  JSON.parse(readFileSync(createRequire(place).resolve("effect/package.json"), "utf8")).version
match(versionFrom(import.meta.url), /^4\./)
match(versionFrom(import.meta.resolve("@effect-noukai/promise")), /^3\./)

const bodies = []
const server = createServer(async (request, response) => {
  const chunks = await request.toArray()
  bodies.push(JSON.parse(Buffer.concat(chunks).toString("utf8")).message)
  const result = { said: bodies.at(-1) }
  response.setHeader("content-type", "application/json")
  response.end(JSON.stringify({ status: "completed", result, flowId: "f1", blockCount: 1, executionId: "e1" }))
})
server.listen(0, "127.0.0.1")
await once(server, "listening")

const noukai = new Noukai({ apiKey: "nk_consumer", env: "dev", port: server.address().port })
const Said = Schema.Struct({ said: Schema.String })

const grade = (message) =>
  Effect.tryPromise((signal) => noukai.flow("acme/spelling/grade-3").execute({ message, signal })).pipe(
    Effect.flatMap(({ result }) => Schema.decodeUnknownEffect(Said)(result))
  )

const program = Stream.runCollect(Stream.mapEffect(Stream.make("a", "b"), grade))
deepStrictEqual(await Effect.runPromise(program), [{ said: "a" }, { said: "b" }])
strictEqual((await traceScope(() => Effect.runPromise(grade("c")), { client: noukai })).said, "c")
deepStrictEqual(bodies, ["a", "b", "c"])

await noukai.close()
server.close()
const error = await Effect.runPromise(Effect.flip(grade("d")))
strictEqual(error.cause instanceof APIConnectionError, true)
