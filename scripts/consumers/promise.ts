/** The first program of a user without Effect; it needs no server. */
import {
  APIConnectionError,
  AuthenticationError,
  createRelayFlow,
  type ExecuteResult,
  Noukai,
  NoukaiError,
  type NoukaiOptions,
  type PausedResult,
  traceScope
} from "@effect-noukai/promise"
import { NoukaiPromise } from "@effect-noukai/promise/effect"
import { record, replay } from "@effect-noukai/promise/testing"
import { rejects, strictEqual, throws } from "node:assert/strict"
import { rmSync } from "node:fs"
import test from "node:test"

// port 9 of this machine: nobody listens
const options: NoukaiOptions = { apiKey: "nk_consumer", env: "dev", port: 9 }

const grade = (noukai: Noukai): Promise<ExecuteResult | PausedResult> =>
  noukai.flow("acme/spelling/grade-3").execute({ message: "The cat sat on the mat." })

const refused = (promise: Promise<unknown>): Promise<APIConnectionError> =>
  promise.then(
    () => {
      throw new Error("somebody listens on port 9")
    },
    (error: unknown) => {
      if (error instanceof APIConnectionError) return error
      throw error
    }
  )

const noukai = new Noukai(options)
const error = await refused(traceScope(() => grade(noukai), { client: noukai }))
strictEqual(error.sent, "no")
strictEqual(error instanceof NoukaiError, true)
await noukai.close()

const relay = createRelayFlow({ url: "http://127.0.0.1:9/agent/execute" })
strictEqual((await refused(relay.execute({ message: "hi" }))).name, "APIConnectionError")

throws(() => new Noukai({ apiKey: "sk_1" }), AuthenticationError)
strictEqual(typeof NoukaiPromise.fromRuntime, "function")

// a failure is recorded as it was, and nobody is asked in the replay
test("a cassette", async () => {
  const cassette = "cassettes/grade.json"
  const recorded = await refused(record(cassette, grade, { client: options, mode: "all" }))
  const replayed = await refused(replay(cassette, grade))
  strictEqual(replayed.sent, recorded.sent)
  rmSync("cassettes", { recursive: true })
})

test("spans need @opentelemetry/api", async () => {
  await using traced = new Noukai({ ...options, otel: true })
  const installed = await import("@opentelemetry/api" as string).then(() => true, () => false)
  await rejects(grade(traced), installed ? APIConnectionError : /npm install @opentelemetry\/api/)
})
