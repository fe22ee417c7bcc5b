/**
 * Statements of the ledger, in the words of the databases that keep it. Rows go in and out as one JSON text, so that a
 * statement has the same few parameters however many rows it is about.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type * as Statement from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import { BatchStoreError } from "../../BatchError.js"

/** A ledger that statements are sent to. */
export interface Ledger {
  readonly sql: SqlClient.SqlClient
}

/** The bytes of documents that one statement takes or gives, or one document that has more. */
export const mostBytes = 1024 * 1024

/** The message of the innermost error. Outer errors only say that a statement failed. */
const detailOf = (error: unknown): string => {
  let at = error
  while (at instanceof Error && at.cause instanceof Error) at = at.cause
  return at instanceof Error ? at.message : String(at)
}

/** The error of a statement that failed, with its operation in the past tense. */
export const failed = (operation: string) => (error: unknown): BatchStoreError =>
  new BatchStoreError({ operation, detail: detailOf(error), cause: error })

/** The code of the database, innermost first found. */
const codeOf = (error: unknown): string | undefined => {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 8; depth++) {
    if ("code" in at && typeof at.code === "string") return at.code
    at = "cause" in at ? at.cause : undefined
  }
  return undefined
}

/** Whether a statement failed because there is no such table. */
export const isNoTable = (error: unknown): boolean => codeOf(error) === "42P01" || /no such table/.test(detailOf(error))

/** Whether a statement can succeed when it is sent again: not one that the database does not understand, or on a full disk. */
export const isPassing = (error: BatchStoreError): boolean => {
  const code = codeOf(error)
  return code === undefined ||
    !(/^(42|22|23)/.test(code) || /^SQLITE_(ERROR|CONSTRAINT|MISMATCH|CORRUPT|NOTADB|READONLY|FULL|IOERR)/.test(code))
}

/** Runs statements, whose failures are failures of the ledger. */
export const doing = (operation: string) => <A, R>(effect: Effect.Effect<A, SqlError, R>) =>
  Effect.mapError(effect, failed(operation))

/** Runs statements without a result. */
export const change = (operation: string) => <A, R>(effect: Effect.Effect<A, SqlError, R>) =>
  Effect.asVoid(doing(operation)(effect))

/** Runs statements in one transaction. */
export const transaction =
  (sql: SqlClient.SqlClient, operation: string) => <A, R>(effect: Effect.Effect<A, BatchStoreError, R>) =>
    Effect.catchTag(sql.withTransaction(effect), "SqlError", failed(operation))

/** Keeps other transactions from a row that is read to be changed. One alone writes to a file. */
export const forUpdate = (sql: SqlClient.SqlClient): Statement.Fragment =>
  sql.onDialectOrElse({ pg: () => sql.literal("for update"), orElse: () => sql.literal("") })

/**
 * A text without NUL and halves of surrogate pairs, which databases do not store. In JSON documents both are escaped
 * and stay.
 */
const safe = (_: string, value: unknown): unknown =>
  typeof value === "string" ? value.replace(/\p{Surrogate}|\0/gu, "\ufffd") : value

/** The items of a JSON list as rows `j` with a `value`, and their place: `ord` from 1 in PostgreSQL, else `key` from 0. */
export const each = (sql: SqlClient.SqlClient, items: ReadonlyArray<unknown>): Statement.Fragment => {
  const given = JSON.stringify(items)
  const json = given.includes("\\u") ? JSON.stringify(items, safe) : given
  return sql.onDialectOrElse({
    pg: () => sql`json_array_elements(${json}::json) with ordinality as j(value, ord)`,
    orElse: () => sql`json_each(${json}) as j`
  })
}

/**
 * A text column as its unique index has it. An entry of an index of PostgreSQL has at most 2.7 KB, and a key may be longer:
 * there the index has its hash.
 */
export const indexed = (sql: SqlClient.SqlClient, text: Statement.Fragment): Statement.Fragment =>
  sql.onDialectOrElse({ pg: () => sql`md5(${text})`, orElse: () => text })

/** Whether two texts are equal, by the index of the first. */
export const sameText = (
  sql: SqlClient.SqlClient,
  column: Statement.Fragment,
  text: Statement.Fragment
): Statement.Fragment =>
  sql.onDialectOrElse({
    pg: () => sql`md5(${column}) = md5(${text}) and ${column} = ${text}`,
    orElse: () => sql`${column} = ${text}`
  })

/**
 * Whether a row `r` of a batch has a key, which a statement reads from each of a list of items. The row is looked up by itself:
 * as a join, PostgreSQL would read all rows of a batch that it has no statistics of yet.
 */
export const hasKey = (sql: SqlClient.SqlClient, batch: number, key: Statement.Fragment): Statement.Fragment =>
  sql`r.id = (select k.id from noukai_batch_row as k where k.batch = ${batch} and ${sameText(sql, sql`k.key`, key)})`

/** The greater of two numbers. */
export const greatest = (sql: SqlClient.SqlClient): Statement.Fragment =>
  sql.onDialectOrElse({ pg: () => sql.literal("greatest"), orElse: () => sql.literal("max") })

/** Microseconds since 1970, on the clock of the database. */
export const microseconds = (sql: SqlClient.SqlClient): Statement.Fragment =>
  sql.onDialectOrElse({
    pg: () => sql.literal("cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)"),
    orElse: () => sql.literal("cast(unixepoch('subsec') * 1000000 as integer)")
  })
