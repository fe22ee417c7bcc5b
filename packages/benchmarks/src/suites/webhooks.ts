import { startEmulator } from "@effect-noukai/emulator"
import { JobService, Noukai } from "@effect-noukai/sdk"
import * as Webhook from "@effect-noukai/sdk/Webhook"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import type { Suite } from "../Suite.js"

const flow = "bench/bench/wait"

const secret = "whsec_of_the_benchmark"

/** The milliseconds that each job takes: from 0.5 to 6 seconds. */
const times = Array.from({ length: 60 }, (_, n) => Math.round(500 + n * 5500 / 59))

const bodyOf = async (request: IncomingMessage): Promise<Uint8Array> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** A server that tells the waiters of the webhooks that it receives. */
const startReceiver = async () => {
  const nudges = Webhook.nudges()
  const server = createServer((request, response) => {
    bodyOf(request)
      .then((body) => Webhook.verify(body, (name) => String(request.headers[name] ?? ""), { secrets: secret }))
      .then(async (event) => {
        const job = new URL(request.url ?? "", "http://localhost").searchParams.get("job") ?? undefined
        await nudges.onEvent({ ...event, ...job !== undefined && { job } })
        response.writeHead(204).end()
      })
      .catch(() => response.writeHead(500).end())
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  return { server, nudges, origin: `http://127.0.0.1:${port}` }
}

/** Waits for all jobs at the same time, and returns the polls, the median and the worst lag from an end to its result. */
const measured = async (name: string, usesWebhooks: boolean, losesSome: boolean): Promise<ReadonlyArray<string>> => {
  const { nudges, origin, server } = await startReceiver()
  const emulator = await startEmulator({
    flows: [{
      ref: flow,
      steps: [{
        kind: "function",
        id: "wait",
        run: ({ message }) => Effect.delay(Effect.succeed("done"), Number(message))
      }]
    }],
    jobs: { workers: times.length },
    webhooks: { secret, allow: [origin] },
    faults: losesSome
      ? [{ match: { endpoint: "webhook" }, script: ["ok", ...times.map((_, n) => n % 4 === 2 ? "drop" : "ok")] }]
      : []
  })
  const callback = usesWebhooks ? { url: `${origin}/hooks`, nudges } : undefined
  const one = (ms: number) =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submit(flow, { message: String(ms), callback })
      yield* job.result()
      return { executionId: job.executionId, at: Date.now() }
    })
  try {
    const ended = await Effect.runPromise(
      Effect.forEach(times, one, { concurrency: "unbounded" }).pipe(
        Effect.provide(Noukai.layer({ baseUrl: emulator.baseUrl, apiKey: Redacted.make(emulator.apiKey) }))
      )
    )
    const { requests, runs } = emulator.ledger()
    const lags = ended.map(({ at, executionId }) => {
      const endedAt = runs.find((run) => run.executionId === executionId)?.endedAt
      if (endedAt === undefined) throw new Error(`the run ${executionId} has not ended`)
      return at - endedAt
    }).sort((a, b) => a - b)
    const polls = requests.filter(({ endpoint }) => endpoint === "pollJob").length
    const shown = [polls, lags[Math.floor(lags.length / 2)]!, lags.at(-1)!]
    return [`  ${name}`, ...shown.map((value) => value.toFixed(0))]
  } finally {
    await emulator.close()
    server.close()
  }
}

/** The polls of 60 jobs of 0.5 to 6 seconds, and the time from the end of each to its result. */
export const webhooks: Suite = {
  name: "webhooks",
  prepare: async () => ({
    groups: [],
    facts: [
      [`${times.length} jobs of 0.5 to 6 seconds`, "polls", "median lag ms", "worst lag ms"],
      await measured("polled", false, false),
      await measured("with webhooks", true, false),
      await measured("every fourth webhook lost", true, true)
    ],
    close: () => Promise.resolve()
  })
}
