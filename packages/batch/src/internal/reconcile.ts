/** The runs that a batch believes it ran, and rows that are settled by the evidence of the server. */
import type { Evidence, Expected } from "@effect-noukai/report/Reconcile"
import type { InvalidRequestError } from "@effect-noukai/sdk"
import { isCount, isFields } from "@effect-noukai/sdk/kit/names"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { BatchLockedError, LedgerError } from "../BatchError.js"
import type { RowAttempt } from "../BatchRow.js"
import type { BatchStore } from "../BatchStore.js"
import { doing, each, sameText, transaction } from "./ledger/ledger.js"
import { reservedAgain, runFailures } from "./ledger/limits.js"
import * as Reading from "./ledger/reading.js"
import { keepNumbers } from "./ledger/settling.js"
import { existing, sessionOf } from "./manage.js"
import { fitting } from "./names.js"

/** The reports of known runs that no other read would change. */
const lasting: ReadonlySet<string> = new Set(["AmbiguousRun", "Defect", "ResultNotStored", "UnexpectedResult"])

const ends: { readonly [state: string]: string } = { done: "completed", failed: "failed", cancelled: "cancelled" }

const believed = ({ costUsd, error, executionId, state }: RowAttempt): Pick<Expected, "belief"> & Partial<Expected> => {
  const ran = executionId !== undefined || state === "done" ||
    (state === "failed" && runFailures.includes(error?.kind ?? "") && (error?.statusCode ?? 500) >= 500)
  const isOpen = state === "reported" && !(ran && lasting.has(error?.kind ?? ""))
  const status = ran ? ends[state] : undefined
  return {
    belief: isOpen || state === "intent" || state === "uncertain" ? "uncertain" : ran ? "ran" : "unsent",
    ...(executionId !== undefined && { executionId }),
    ...(status !== undefined && { status }),
    ...(costUsd !== undefined && { costUsd })
  }
}

export const expected = (batch: string): Stream.Stream<Expected, LedgerError | InvalidRequestError, BatchStore> =>
  Stream.unwrap(
    Effect.map(existing("Batch.expected", batch), ([ledger, record]) =>
      Reading.inOrder(ledger, record).pipe(
        Stream.filter(({ state }) => state !== "invalid"),
        Stream.mapEffect((row) =>
          Effect.gen(function*() {
            const { attempt: newest, flow, key } = row
            const all = newest === 1 ? Option.none() : yield* Reading.attempts(ledger, record.id, key)
            const earlier = Option.getOrElse(all, () => []).filter(({ attempt }) => attempt < newest)
            return yield* Effect.forEach([...earlier, row], (one) => {
              const { attempt } = one
              const isJob = record.operation === "jobs"
              const expected = { key, attempt, flow, ...(isJob && { triggerType: "job" }), ...believed(one) }
              const session = sessionOf(record, { ...row, attempt })
              return Effect.map(session, (sessionId): Expected => ({ ...expected, sessionId }))
            })
          })
        ),
        Stream.mapConcat((all) => all)
      ))
  )

export const settle = (
  batch: string,
  evidence: ReadonlyArray<Evidence>
): Effect.Effect<ReadonlyArray<string>, BatchLockedError | LedgerError, BatchStore> =>
  Effect.scoped(Effect.gen(function*() {
    const method = "Batch.settle"
    yield* fitting(
      method,
      "evidence",
      () =>
        Array.isArray(evidence) &&
        evidence.every((one) => isFields(one) && Predicate.isString(one.key) && isCount(one.attempt, 1)),
      "must be a list of evidence, as Reconcile finds it"
    )
    const [ledger, record] = yield* existing(method, batch)
    const { sql } = ledger
    yield* ledger.exclusive
    const items = evidence.map((one) => ({
      ...one,
      error: JSON.stringify({ kind: "TimedOut", message: `${one.reason}; the next run of the batch asks for it` })
    }))
    const text = (name: string) => sql.literal(`j.value->>'${name}'`)
    const settled = doing("settled rows by evidence")(sql<{ readonly key: string }>`
      update noukai_batch_row as r set state = 'timedOut', sent = 1, adopted = 1, execution_id = ${text("executionId")},
        error = ${text("error")}, evidence = ${text("reason")}, settled_at = null, settled_no = null
      from ${each(sql, items)}
      where r.batch = ${record.id} and ${sameText(sql, sql`r.key`, text("key"))}
        and r.attempt = cast(${text("attempt")} as bigint) and r.state in ('uncertain', 'reported')
      returning key`)
    const rows = yield* transaction(sql, "settled rows by evidence")(
      // first the batch, as those that settle rows
      Effect.zipRight(keepNumbers(ledger, record.id), Effect.zipLeft(settled, reservedAgain(ledger, record.id)))
    )
    return rows.map(({ key }) => key)
  }))
