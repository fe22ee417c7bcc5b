/** A batch on a ledger in a file, at a server that refuses the key, with none of the optional peers. */
import { Batch, BatchEngine, BatchReport, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Noukai } from "@effect-noukai/sdk"
import { Effect, Layer, Redacted, Stream } from "effect"
import { deepStrictEqual, strictEqual } from "node:assert/strict"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const grading = Batch.make({
  id: "consumer",
  flow: "acme/spelling/grade-3",
  key: (row: { readonly id: string }) => row.id,
  input: (row) => ({ message: row.id })
})

const server = createServer((_, response) => {
  response.writeHead(401, { "content-type": "application/json" }).end("{\"detail\":\"unknown key\"}")
}).listen(0, "127.0.0.1")
await once(server, "listening")
const { port } = server.address() as AddressInfo
const folder = await mkdtemp(join(tmpdir(), "noukai-consumer-"))

try {
  const { results, summary } = await Effect.runPromise(
    Effect.gen(function*() {
      const summary = yield* Batch.run(grading, BatchSource.fromIterable([{ id: "a" }, { id: "b" }, { id: "a" }]))
      yield* BatchReport.toFolder(join(folder, "report"), { rows: Batch.results(grading), summary })
      return { summary, results: yield* Stream.runCollect(Batch.results(grading)) }
    }).pipe(Effect.provide(Layer.mergeAll(
      BatchStore.layerFile(join(folder, "consumer.ledger")),
      BatchEngine.layerLocal,
      Noukai.layer({ apiKey: Redacted.make("nk_consumer"), env: "dev", port })
    )))
  )
  deepStrictEqual([summary.status, summary.stop?.reason, summary.states.pending], ["incomplete", "refused", 2])
  strictEqual(Array.from(results).every(({ state }) => state === "pending"), true)
} finally {
  server.close()
  await rm(folder, { recursive: true, force: true })
}
