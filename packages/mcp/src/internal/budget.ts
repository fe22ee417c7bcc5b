/**
 * The budget of a day. Calls of several processes share a file with one line for each reserve and each cost. A line is
 * appended in one write, and its place decides: a reserve counts if it fits after the lines before it. So a process that
 * is killed at any moment leaves no lock, and its reserve stays spent.
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { failure, type ToolFailure } from "./failure.js"

/** A day in UTC, such as `2026-06-07`. */
export const today: Effect.Effect<string> = Effect.map(
  Clock.currentTimeMillis,
  (millis) => new Date(millis).toISOString().slice(0, 10)
)

const Line = Schema.parseJson(Schema.Union(
  Schema.Struct({
    reserve: Schema.String,
    usd: Schema.BigDecimal,
    limit: Schema.BigDecimal,
    key: Schema.optional(Schema.String)
  }),
  Schema.Struct({
    settle: Schema.String,
    usd: Schema.BigDecimal,
    run: Schema.optional(Schema.String),
    isCut: Schema.optional(Schema.Boolean)
  })
))

type Line = typeof Line.Type

const decodeLine = Schema.decodeSync(Line)

const encodeLine = Schema.encodeSync(Line)

/** The cost of a call. 0: it paid for nothing. */
export interface Spent {
  readonly usd: BigDecimal.BigDecimal
  readonly run?: string | undefined
  /** Whether the run may still cost more, so that `usd` is the most that it should cost. */
  readonly isCut?: boolean | undefined
}

export interface Budget {
  /**
   * Reserves the most that a call should cost. Returns what replaces the reserve by the cost. Calls of one key share their
   * run, so that their reserves and the cost of the run count once.
   */
  readonly reserve: (
    usd: BigDecimal.BigDecimal,
    key?: string
  ) => Effect.Effect<(spent: Spent) => Effect.Effect<void, ToolFailure>, ToolFailure>
}

const zero = BigDecimal.unsafeFromNumber(0)

/** The calls of one key, or one call without a key: the reserves of those that have not ended, and the costs of runs. */
class Calls {
  readonly open = new Map<string, BigDecimal.BigDecimal>()
  private readonly runs = new Map<string | undefined, Spent>()

  get counted(): BigDecimal.BigDecimal {
    const paid = BigDecimal.sumAll(Array.from(this.runs.values(), ({ usd }) => usd))
    return [...this.open.values()].reduce(BigDecimal.max, paid)
  }

  /** Adds a cost. A known cost replaces the most that the run should cost; of others the larger one counts. */
  pay({ isCut = false, run, usd }: Spent): void {
    const before = this.runs.get(run)
    const isKnownNow = before?.isCut === true && !isCut
    this.runs.set(run, { isCut, usd: isKnownNow ? usd : BigDecimal.max(usd, before?.usd ?? zero) })
  }
}

/** The sum of the lines, and whether each reserve fitted. */
const folded = (lines: ReadonlyArray<Line>) => {
  const reserves = new Map<string, Calls>()
  const keys = new Map<string, Calls>()
  let spent = zero
  for (const line of lines) {
    if ("reserve" in line) {
      const { key = line.reserve, limit, reserve, usd } = line
      const calls = keys.get(key) ?? new Calls()
      const others = BigDecimal.subtract(spent, calls.counted)
      calls.open.set(reserve, usd)
      const sum = BigDecimal.sum(others, calls.counted)
      if (BigDecimal.greaterThan(sum, limit)) {
        calls.open.delete(reserve)
        continue
      }
      keys.set(key, calls)
      reserves.set(reserve, calls)
      spent = sum
    } else {
      const calls = reserves.get(line.settle)
      if (calls === undefined) continue
      const others = BigDecimal.subtract(spent, calls.counted)
      calls.open.delete(line.settle)
      if (!BigDecimal.isZero(line.usd)) calls.pay(line)
      spent = BigDecimal.sum(others, calls.counted)
    }
  }
  return { has: (id: string) => reserves.has(id), spent }
}

const unusable = (file: string) => (cause: unknown) =>
  failure("BUDGET_UNKNOWN", `${basename(file)} cannot be used, so nothing was started; the log has the reason`, {
    cause
  })

/** A budget of `limit` US dollars for each day, in files that begin with `path`. */
export const make = (path: string, limit: BigDecimal.BigDecimal): Budget => {
  const append = (file: string, line: Line) =>
    Effect.try({
      try: () => {
        appendFileSync(file, `${encodeLine(line)}\n`, { mode: 0o600 })
        return readFileSync(file, "utf8").trimEnd().split("\n").map((text) => decodeLine(text))
      },
      catch: unusable(file)
    })
  const prepared = (file: string) =>
    Effect.try({
      try: () => {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
        const before = readdirSync(dirname(path)).filter((name) =>
          name.startsWith(`${basename(path)}-`) && name < basename(file)
        ).sort()
        // a run of the day before may still end
        for (const name of before.slice(0, -1)) rmSync(join(dirname(path), name), { force: true })
      },
      catch: unusable(file)
    })
  return {
    reserve: Effect.fnUntraced(function*(usd, key) {
      const file = `${path}-${yield* today}.jsonl`
      const id = randomUUID()
      yield* prepared(file)
      const { has, spent } = folded(yield* append(file, { reserve: id, usd, limit, key }))
      if (!has(id)) {
        const left = BigDecimal.max(BigDecimal.subtract(limit, spent), zero)
        const [may, rest, all] = [usd, left, limit].map(BigDecimal.format)
        const why = `the run may cost ${may} US dollars, and ${rest} of ${all} are left of the budget of this day (UTC)`
        return yield* failure("BUDGET_EXCEEDED", `${why}; nothing was started`)
      }
      return (cost) => Effect.asVoid(append(file, { settle: id, ...cost }))
    })
  }
}

/** No budget. */
export const none: Budget = { reserve: () => Effect.succeed(() => Effect.void) }
