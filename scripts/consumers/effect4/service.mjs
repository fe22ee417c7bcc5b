/** The service of the guide to Effect 4, against an emulator. */
import { startEmulator } from "@effect-noukai/emulator"
import { record, replay } from "@effect-noukai/promise/testing"
import { Effect, Option, Schema, Stream } from "effect"
import { deepStrictEqual, strictEqual } from "node:assert/strict"
import { Flows, grade } from "./flows.js"

const template = (ref, output, duration) => ({ ref, steps: [{ kind: "template", id: "a", output, duration }] })
const emulator = await startEmulator({
  flows: [template("acme/spelling/grade-3", { score: 7 }), template("acme/test/slow", 1, "1 hour")]
})

// the client of the guide knows the hosted address alone
const { fetch } = globalThis
globalThis.fetch = (url, init) => fetch(new URL(new URL(url).pathname, emulator.url), init)
process.env.NOUKAI_API_KEY = emulator.apiKey

const flow = (use) => Effect.runPromise(Effect.provide(Effect.flatMap(Flows, use), Flows.layer))

deepStrictEqual(await Effect.runPromise(Effect.provide(grade("hi"), Flows.layer)), { score: 7 })

const types = ({ events }) =>
  events("acme/spelling/grade-3", "hi").pipe(Stream.take(2), Stream.map(({ type }) => type), Stream.runCollect)
deepStrictEqual(Array.from(await flow(types)), ["run_started", "step_started"])

const missing = await flow(({ execute }) => Effect.flip(execute("acme/test/none", "hi")))
deepStrictEqual([missing._tag, missing.error.name], ["FlowError", "FlowNotFoundError"])

const slow = flow(({ execute }) => Effect.timeoutOption(execute("acme/test/slow", "hi"), "200 millis"))
strictEqual(Option.isNone(await slow), true)
// a schema of Effect 4, and a recording around a program of Effect 4
emulator.putFlows(template("acme/test/text", { score: "7" }))
const Graded = Schema.toStandardSchemaV1(Schema.Struct({ score: Schema.NumberFromString }))
const typed = (noukai) =>
  Effect.runPromise(
    Effect.tryPromise(() => noukai.flow("acme/test/text", { result: Graded }).execute({ message: "a" }))
  )
const { result } = await record("cassette.json", typed, { mode: "all" })
const sent = emulator.ledger().requestsReceived
deepStrictEqual([result, (await replay("cassette.json", typed)).result], [{ score: 7 }, { score: 7 }])
strictEqual(emulator.ledger().requestsReceived, sent)

await emulator.close()
