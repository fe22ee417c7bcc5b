/** `noukai reconcile`. */
import * as Batch from "@effect-noukai/batch/Batch"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Reconcile from "@effect-noukai/report/Reconcile"
import * as Cassette from "@effect-noukai/sdk/Cassette"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { argument, connection, flag, json, optional, whole } from "../arguments/flags.js"
import { reported, wrong } from "../exit/CommandError.js"
import { withoutMethod } from "../exit/failing.js"
import { services } from "../settings/services.js"
import { jsonLine } from "../terminal/json.js"
import { Terminal } from "../terminal/Terminal.js"
import { plain } from "../terminal/text.js"
import * as Ledger from "./batch/ledger.js"
import { type InputOf, leaf } from "./leaf.js"

const config = {
  file: argument("file", "A ledger of a batch or an eval, or a cassette."),
  id: optional("id", "Use this batch of the ledger (all of them)."),
  rate: whole("rate", "Send at most this many requests a second (10)."),
  settle: flag("settle", "Settle uncertain rows of the ledger by their runs."),
  json,
  ...connection
}

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { file, rate, settle } = input
  if (!existsSync(file)) return yield* wrong(`there is no file ${file}`)
  if (Option.exists(rate, (limit) => limit < 1)) return yield* wrong("--rate must be at least 1")
  const total = { summary: Reconcile.noFindings, settled: 0 }
  const isLedger = Ledger.isLedgerOrNone(file)
  if (!isLedger && (settle || Option.isSome(input.id))) return yield* wrong("--settle and --id require a ledger")
  const told = <E, R>(expected: Stream.Stream<Reconcile.Expected, E, R>, batch?: string) =>
    Reconcile.findings(expected).pipe(
      Stream.tap((finding) => {
        total.summary = Reconcile.add(total.summary, finding)
        if (finding.kind === "agrees") return Effect.void
        const line = `${batch === undefined ? "" : `${batch} `}${Reconcile.toText(finding)}`
        return terminal.write(input.json ? jsonLine({ ...finding, batch }) : `${plain(line)}\n`)
      }),
      Stream.filter(({ settledBy }) => settledBy !== undefined),
      Stream.runCollect,
      Effect.map(Reconcile.evidence)
    )
  const ofBatch = Effect.fnUntraced(function*(batch: string) {
    const evidence = yield* told(Batch.expected(batch), batch)
    if (!settle) return
    const keys = new Set(yield* Batch.settle(batch, evidence))
    total.settled += keys.size
    const settled = evidence.filter(({ key }) => keys.has(key)).map((one) => ({ kind: "settled", batch, ...one }))
    yield* terminal.write(
      settled.map((one) =>
        input.json ? jsonLine(one) : `${plain(`${batch} settled        ${one.key}: ${one.reason}`)}\n`
      ).join("")
    )
  })
  const ofLedger = Effect.gen(function*() {
    const batches = Option.isSome(input.id) ? [input.id.value] : (yield* Batch.list()).map(({ batch }) => batch)
    yield* Effect.forEach(batches, ofBatch, { discard: true })
  })
  yield* Effect.gen(function*() {
    if (isLedger) return yield* Effect.provide(ofLedger, BatchStore.layerFile(file))
    const cassette = yield* Effect.mapError(Cassette.load(file), (error) => wrong(withoutMethod(error)))
    yield* told(Stream.fromIterable(Reconcile.fromCassette(cassette)))
  }).pipe(Effect.provide(services({ ...input, perSecond: Option.getOrElse(rate, () => 10) })))
  const { settled, summary } = total
  yield* terminal.write(
    input.json
      ? jsonLine({ kind: "summary", ...summary, settled })
      : `${Reconcile.summaryText(summary)}${settle ? `; ${settled} settled` : ""}\n`
  )
  const open = Object.entries(summary.counts).reduce((sum, [kind, count]) => kind === "agrees" ? sum : sum + count, 0)
  if (open > settled) return yield* reported()
})

export const command = leaf("reconcile", "Compare a ledger or cassette with the server's runs.", config, handle)
