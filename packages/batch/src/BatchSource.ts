/**
 * Sources of rows.
 *
 * @since 0.1.0
 */
import * as Stream from "effect/Stream"
import type { BatchSourceError } from "./BatchError.js"

/**
 * A row as it stands in a source: its value, or why it has none.
 *
 * @since 0.1.0
 * @category models
 */
export type SourceRow<Row> =
  | { readonly _tag: "Row"; readonly at: string; readonly value: Row }
  | { readonly _tag: "Unreadable"; readonly at: string; readonly reason: string }

/**
 * Rows in their order, each with the place where it stands.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchSource<Row, E = never, R = never> {
  readonly rows: Stream.Stream<SourceRow<Row>, E | BatchSourceError, R>
}

/**
 * Rows of a stream.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromStream = <Row, E, R>(stream: Stream.Stream<Row, E, R>): BatchSource<Row, E, R> => ({
  rows: Stream.mapAccum(stream, 0, (no, value) => [no + 1, { _tag: "Row", at: `row ${no + 1}`, value } as const])
})

/**
 * Rows of an iterable.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromIterable = <Row>(rows: Iterable<Row>): BatchSource<Row> => fromStream(Stream.fromIterable(rows))
