/** The statements that are sent to a ledger, and how its database would find their rows. */
import { BatchStore } from "@effect-noukai/batch"
import { type Statement, withTransformer } from "@effect/sql/Statement"
import { Effect } from "effect"

/** A statement as it was sent last, how often it was sent, and the most characters that its values had. */
export interface Sent {
  readonly text: string
  readonly values: ReadonlyArray<unknown>
  readonly times: number
  readonly length: number
}

/** Runs an effect, and returns the statements that were sent meanwhile, by their texts. */
export const statementsOf = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<ReadonlyMap<string, Sent>, E, R> =>
  Effect.suspend(() => {
    const sent = new Map<string, Sent>()
    const note = (statement: Statement<unknown>) => {
      const [text, values] = statement.compile()
      // those that can be explained, of the ledger alone
      if (/^\s*(select|insert|update|delete|with)\b/i.test(text) && text.includes("noukai_batch")) {
        const { length, times } = sent.get(text) ?? { length: 0, times: 0 }
        const given = values.reduce((sum: number, value) => sum + String(value).length, 0)
        sent.set(text, { text, values, times: times + 1, length: Math.max(length, given) })
      }
      return Effect.succeed(statement)
    }
    return Effect.as(withTransformer(effect, note), sent)
  })

const isBounded = (text: string): boolean => /\blimit\b|\bmax\(/.test(text)

/** The steps of a plan of SQLite in which a statement looks at each row of a table, or at each row of a batch. */
const sqliteScans = (text: string, details: ReadonlyArray<string>): ReadonlyArray<string> => {
  const made = details.flatMap((detail) => /^(?:MATERIALIZE|CO-ROUTINE) (\w+)/.exec(detail)?.[1] ?? [])
  return details.filter((detail) => {
    const [, way, table = "", how = ""] = /^(SCAN|SEARCH) (\w+)(.*)$/.exec(detail) ?? []
    if (way === "SCAN") return !made.includes(table) && table !== "CONSTANT" && !how.includes("VIRTUAL TABLE")
    if (way === "SEARCH") return /\(batch=\?\)$/.test(how) && !isBounded(text)
    // all rows are sorted, for some of them
    return detail.startsWith("USE TEMP B-TREE")
  })
}

interface Node {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Index Cond"?: string
  readonly Plans?: ReadonlyArray<Node>
}

/** The same of a plan of PostgreSQL, to which sequences are no way to find a row. */
const postgresScans = (node: Node, isLimited = false): ReadonlyArray<string> => {
  const { Plans: inner = [], "Index Cond": condition = "", "Node Type": type, "Relation Name": table } = node
  const limited = type === "Limit" || (isLimited && !type.endsWith("Sort"))
  const isScan = type.endsWith("Sort") ||
    (table !== undefined || type === "Bitmap Index Scan") && type !== "ModifyTable" && type !== "Bitmap Heap Scan" &&
      !limited && !/\b(id|no|key|state|settled_no|name)\b/.test(condition)
  return [
    ...isScan ? [`${type} of ${table}: ${condition}`] : [],
    ...inner.flatMap((one) => postgresScans(one, limited))
  ]
}

// tables are small in most tests, and an index would not pay; where none has the order, a sort remains
const withoutSmall = ["seqscan", "hashjoin", "mergejoin", "sort"] as const

/** The steps in which a statement would look at each row of a table, or of a batch; without some ways of PostgreSQL. */
export const scansOf = ({ text, values }: Sent, without: ReadonlyArray<string> = withoutSmall) =>
  Effect.flatMap(BatchStore, ({ sql }) =>
    sql.onDialectOrElse({
      pg: () =>
        // that of the temporary ledger of a plan
        text.includes("?") ? Effect.succeed([]) : sql.withTransaction(Effect.gen(function*() {
          for (const way of without) yield* sql.unsafe(`set local enable_${way} = off`)
          const [row] = yield* sql.unsafe<{ "QUERY PLAN": ReadonlyArray<{ Plan: Node }> }>(
            `explain (format json) ${text}`,
            values
          )
          return postgresScans(row!["QUERY PLAN"][0]!.Plan)
        })),
      orElse: () =>
        Effect.map(
          sql.unsafe<{ readonly detail: string }>(`explain query plan ${text}`, values),
          (rows) => sqliteScans(text, rows.map(({ detail }) => detail))
        )
    }))

/**
 * The statements that look at whole tables or batches, and do so for each of a list of rows, or were sent more often for
 * many rows than for few.
 */
export const growing = (few: ReadonlyMap<string, Sent>, many: ReadonlyMap<string, Sent>) =>
  Effect.map(
    Effect.forEach([...many.values()], (sent) => Effect.map(scansOf(sent), (scans) => ({ ...sent, scans }))),
    (all) =>
      all.filter(({ scans, text, times }) =>
        scans.length > 0 && (/json_(each|array_elements)/.test(text) || times > (few.get(text)?.times ?? 0))
      )
        .map(({ scans, text, times }) => ({ text, scans, times, before: few.get(text)?.times }))
  )
