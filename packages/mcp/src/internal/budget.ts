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
  Schema.Struct({ reserve: Schema.String, usd: Schema.BigDecimal, limit: Schema.BigDecimal }),
  Schema.Struct({ settle: Schema.String, usd: Schema.BigDecimal, run: Schema.optional(Schema.String) })
))

type Line = typeof Line.Type

const decodeLine = Schema.decodeSync(Line)

const encodeLine = Schema.encodeSync(Line)

/** The cost of a call: known, or at most its reserve. */
export interface Spent {
  readonly usd: BigDecimal.BigDecimal
  /** A run that several calls share is paid once. */
  readonly run?: string | undefined
}

export interface Budget {
  /** Reserves the most that a call should cost. Returns what replaces the reserve by the cost. */
  readonly reserve: (
    usd: BigDecimal.BigDecimal
  ) => Effect.Effect<(spent: Spent) => Effect.Effect<void, ToolFailure>, ToolFailure>
}

const zero = BigDecimal.unsafeFromNumber(0)

/** The sum of the lines, and whether each reserve fitted. */
const folded = (lines: ReadonlyArray<Line>) => {
  const reserves = new Map<string, BigDecimal.BigDecimal>()
  const runs = new Set<string>()
  let spent = zero
  for (const line of lines) {
    if ("reserve" in line) {
      const sum = BigDecimal.sum(spent, line.usd)
      if (BigDecimal.greaterThan(sum, line.limit)) continue
      reserves.set(line.reserve, line.usd)
      spent = sum
    } else if (reserves.has(line.settle)) {
      const isPaid = line.run !== undefined && runs.has(line.run)
      spent = BigDecimal.subtract(spent, reserves.get(line.settle)!)
      if (!isPaid) spent = BigDecimal.sum(spent, line.usd)
      if (line.run !== undefined) runs.add(line.run)
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
    reserve: Effect.fnUntraced(function*(usd) {
      const file = `${path}-${yield* today}.jsonl`
      const id = randomUUID()
      yield* prepared(file)
      const { has, spent } = folded(yield* append(file, { reserve: id, usd, limit }))
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
