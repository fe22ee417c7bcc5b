/** Texts that a database does not keep as they are: with NUL, and with halves of surrogate pairs. */
import { BatchStore } from "@effect-noukai/batch"
import { assert } from "@effect/vitest"
import { BigDecimal, Effect, FastCheck, Stream } from "effect"
import * as Batches from "../../src/internal/ledger/batches.js"
import * as Planning from "../../src/internal/ledger/planning.js"
import * as Reading from "../../src/internal/ledger/reading.js"
import * as Rows from "../../src/internal/ledger/rows.js"

const odd = FastCheck.array(
  FastCheck.oneof(
    FastCheck.constantFrom("\0", "\ud800", "\udfff", "\ud83d\ude00", "\"", "\\", "\\u0000", "\\ud800", "字", "\u2028"),
    FastCheck.string16bits({ maxLength: 4 })
  ),
  { maxLength: 6 }
).map((parts) => parts.join(""))

const value = FastCheck.object({
  key: odd,
  values: [odd, FastCheck.integer(), FastCheck.boolean(), FastCheck.constant(null)],
  maxDepth: 2
}).map((given) => JSON.parse(JSON.stringify(given)) as unknown)

/** The text that a ledger keeps of one that is no JSON. */
const safe = (text: string): string => Buffer.from(text).toString().replaceAll("\0", "\ufffd")

const settings: Batches.Settings = { concurrency: 4, lanes: 1, cost: false, grace: 200, adopt: true }

/** Inputs, results and errors come back as they were given; ids and places without what no database keeps. */
export const oddTexts = Effect.gen(function*() {
  const ledger = yield* BatchStore
  const what = { name: "odd", flow: "acme/test/echo", version: "production", operation: "jobs" } as const
  const batch = yield* Batches.planned(ledger, what, settings, 1)
  const given = FastCheck.sample(FastCheck.record({ at: odd, input: value, result: value, message: odd, id: odd }), 300)
  const texts = given.map((one) => ({ ...one, input: JSON.stringify(one.input), result: JSON.stringify(one.result) }))
  const pass = yield* Planning.begun(ledger, batch.id, 1)
  yield* Planning.add(ledger, pass, texts.map(({ at, input }, n) => ({ key: `${n}`, at, input, error: undefined })))
  yield* Planning.keepRefused(
    ledger,
    batch.id,
    1,
    given.map(({ at, message }) => ({ at, key: message, error: { kind: "InvalidRow", message } }))
  )
  const again = yield* Planning.begun(ledger, batch.id, 2)
  yield* Planning.add(ledger, again, texts.map(({ at, input }, n) => ({ key: `${n}`, at, input, error: undefined })))
  assert.deepStrictEqual([again.found.known.pending, again.found.refusedCount], [given.length, 0])
  const started = yield* Batches.started(ledger, batch, 2)
  assert(started._tag === "Some")
  const { generation, id } = started.value
  const rows = yield* Rows.claim(ledger, {
    batch: id,
    generation,
    owner: "one",
    lane: 0,
    count: given.length,
    now: 1000,
    reserved: BigDecimal.unsafeFromString("0")
  })
  assert.deepStrictEqual(rows.map(({ input }) => input), texts.map(({ input }) => input))
  const settled = rows.map((row, n) => ({
    id: row.id,
    attempt: 1,
    from: ["intent" as const],
    to: "done" as const,
    executionId: given[n]!.id,
    result: texts[n]!.result,
    error: JSON.stringify({ kind: "Odd", message: given[n]!.message }),
    settledAt: 3
  }))
  assert.strictEqual((yield* Rows.transit(ledger, id, "one", settled)).size, given.length)
  const found = yield* Stream.runCollect(Reading.inOrder(ledger, { id, flow: "acme/test/echo", version: "production" }))
  assert.deepStrictEqual(
    Array.from(
      found,
      ({ at, error, executionId, result }) => ({ at, id: executionId, message: error?.message, result })
    ),
    given.map(({ at, id, message, result }) => ({ at: safe(at), id: safe(id), message, result }))
  )
  const refused = yield* Stream.runCollect(Reading.refused(ledger, id))
  assert.deepStrictEqual(
    Array.from(refused, ({ at, error, key }) => ({ at, key, message: error.message })),
    given.map(({ at, message }) => ({ at: safe(at), key: safe(message), message }))
  )
})
