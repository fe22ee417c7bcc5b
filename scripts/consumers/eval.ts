/** An eval from a file over a ledger in a file, at a server that refuses the key. */
import { BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Baseline, Eval, EvalFile } from "@effect-noukai/eval"
import { text } from "@effect-noukai/eval/ReportFormat"
import { Noukai } from "@effect-noukai/sdk"
import { Effect, Layer, Redacted, Stream } from "effect"
import { match, strictEqual } from "node:assert/strict"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const definition = `
name: consumer
flow: acme/spelling/grade-3
cases: [{ id: a, expected: 3 }, { id: b, expected: 4 }]
key: id
input: { message: { $case: id } }
checks: { score: { equals: { $case: expected }, at: score } }
`

const server = createServer((_, response) => {
  response.writeHead(401, { "content-type": "application/json" }).end("{\"detail\":\"unknown key\"}")
}).listen(0, "127.0.0.1")
await once(server, "listening")
const { port } = server.address() as AddressInfo
const folder = await mkdtemp(join(tmpdir(), "noukai-consumer-"))

try {
  const { printed, refusal, report } = await Effect.runPromise(
    Effect.gen(function*() {
      const spelling = yield* EvalFile.parse(definition, join(folder, "consumer.eval.yaml"))
      strictEqual((yield* Eval.plan(spelling, { baseline: "production" })).runs, 4)
      const report = yield* Eval.run(spelling, { baseline: "production" })
      const printed = yield* Stream.mkString(text(report, Eval.cases(spelling)))
      return { printed, report, refusal: yield* Effect.flip(Baseline.bless(report, Eval.cases(spelling))) }
    }).pipe(Effect.provide(Layer.mergeAll(
      BatchStore.layerFile(join(folder, "consumer.ledger")),
      BatchEngine.layerLocal,
      Noukai.layer({ apiKey: Redacted.make("nk_consumer"), env: "dev", port })
    )))
  )
  strictEqual(report.gate, "incomplete")
  strictEqual(report.errors, 2)
  match(printed, /incomplete/)
  match(refusal.message, /cannot be blessed/)
} finally {
  await rm(folder, { recursive: true })
  server.close()
}
console.log("ok")
