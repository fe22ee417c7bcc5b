/**
 * `npm run test:memory [-- --requests 200000] [--mix execute,poll] [--runs 5000]`
 *
 * Sends an emulator in a process of its own that many requests, of every kind by turns or of those of the mix, and fails
 * when its heap after all of them has 20 MB more than after the first tenth.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Schema } from "effect"
import { once } from "node:events"
import { parseArgs } from "node:util"
import { Pool } from "undici"
import { mib } from "./Memory.js"
import { startServerProcess } from "./ServerProcess.js"

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "200000" },
    mix: { type: "string" },
    runs: { type: "string", default: "5000" }
  }
})
const requests = Number(values.requests)

/** How much more the heap may hold, in bytes. */
const slack = 20_000_000

class Grew extends Schema.TaggedError<Grew>()("Grew", { from: Schema.Number, to: Schema.Number }) {
  override get message(): string {
    return `the emulator's heap grew from ${mib(this.from)} to ${mib(this.to)}`
  }
}

interface Request {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly body?: object
  readonly headers?: { readonly [name: string]: string }
}

const flow = "/seq/noukai/samples"

const sessionOf = (number: number): string => `5d1c9f44-7a0b-4f5e-9a55-${String(number).padStart(12, "0")}`

/** Of the run that was heard of last. */
let executionId = "0a6c2f5e-9d41-4b0e-8f6b-2f3f0e5b7c11"

const kinds: { readonly [kind: string]: (number: number) => Request } = {
  execute: (number) => ({ method: "POST", path: `${flow}/hello-world/execute`, body: { message: `hi ${number}` } }),
  session: (number) => ({
    method: "POST",
    path: `${flow}/hello-world/execute`,
    body: { message: "hi" },
    headers: { "x-session-id": sessionOf(number) }
  }),
  step: () => ({ method: "POST", path: `${flow}/two-step/step`, body: { message: "hi", runRemaining: true } }),
  begin: () => ({ method: "POST", path: `${flow}/two-step/step`, body: { message: "hi" } }),
  again: () => ({ method: "POST", path: `${flow}/two-step/step`, body: { executionId, stepIndex: 0 } }),
  pause: () => ({ method: "POST", path: `${flow}/tools-enabled/execute`, body: { message: "hi" } }),
  job: () => ({ method: "POST", path: `${flow}/hello-world/jobs`, body: { message: "hi" } }),
  poll: (number) => ({ method: "GET", path: `${flow}/hello-world/jobs/${number}` }),
  trace: () => ({ method: "GET", path: `${flow}/hello-world/runs/${executionId}/trace` }),
  look: (number) => ({ method: "GET", path: `/seq/sessions/${sessionOf(number)}` }),
  wrong: (number) => ({ method: "GET", path: `/nothing/${number}` }),
  invalid: () => ({ method: "POST", path: `${flow}/hello-world/execute`, body: { message: 1 } }),
  cut: () => ({
    method: "POST",
    path: `${flow}/two-step/step`,
    body: { message: "hi", runRemaining: true },
    headers: { "x-noukai-emulator-fault": "cut:e2" }
  })
}

const mix = (values.mix?.split(",") ?? Object.keys(kinds)).map((kind) => {
  const make = kinds[kind]
  if (make === undefined) throw new Error(`no kind of request: ${kind}; there are ${Object.keys(kinds).join(", ")}`)
  return make
})

const program = Effect.gen(function*() {
  const { message: baseUrl, process: server } = yield* Effect.acquireRelease(
    Effect.promise(() => startServerProcess("emulatorMemoryServerProcess", values.runs)),
    ({ close }) => Effect.promise(close)
  )
  const { origin, pathname } = new URL(baseUrl)
  const pool = yield* Effect.acquireRelease(
    Effect.sync(() => new Pool(origin, { connections: 16 })),
    (made) => Effect.promise(() => made.destroy())
  )
  const send = async ({ body, headers, method, path }: Request): Promise<void> => {
    const response = await pool.request({
      method,
      path: pathname + path,
      headers: { authorization: "Bearer nk_test_memory", ...headers },
      body: body === undefined ? null : JSON.stringify(body)
    })
    const text = await response.body.text()
    executionId = /"executionId":"([0-9a-f-]{36})"/.exec(text)?.[1] ?? executionId
  }
  const heap = Effect.promise(async () => {
    const said = once(server, "message")
    server.send("heap")
    const [sample] = await said as [{ readonly heap: number; readonly buffers: number }]
    return sample
  })
  const sample = (sent: number) =>
    Effect.tap(heap, (now) => Console.log(`${sent} requests  heap ${mib(now.heap)}  buffers ${mib(now.buffers)}`))
  let sent = 0
  const batch = requests / 10
  let from = 0
  for (let tenth = 1; tenth <= 10; tenth++) {
    yield* Effect.forEach(
      Array.from({ length: batch }, () => sent++),
      // a connection that was cut on purpose is not a failure
      (number) => Effect.promise(() => send(mix[number % mix.length]!(number)).catch(() => undefined)),
      { concurrency: 16, discard: true }
    )
    const now = yield* sample(sent)
    if (tenth === 1) from = now.heap
    if (tenth === 10 && now.heap > from + slack) return yield* new Grew({ from, to: now.heap })
  }
  yield* Console.log(`bounded: ${sent} requests`)
})

NodeRuntime.runMain(Effect.scoped(program))
