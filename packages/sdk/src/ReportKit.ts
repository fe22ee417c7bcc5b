/**
 * Shared rules for the packages of this repository that keep and report runs; not part of the public promise.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import type { SessionCassette } from "./Cassette.js"
import { type FindPlaces, redactionBy, redactSession } from "./internal/cassette/redaction.js"
import type { InvalidRequestError } from "./NoukaiError.js"
import { type Change, withWords } from "./ValueDiff.js"

export { restore } from "./internal/cassette/layout.js"
export { executionIdOf, newRunsOf, runIdOf, slugOf } from "./internal/cassette/recording.js"
export type { RecordedAnswer } from "./internal/cassette/recording.js"
export { maskChange, maskSecrets } from "./internal/cassette/secretForms.js"
export {
  addCost,
  costText,
  formatCost,
  isCostUnknown,
  noCost,
  parseCost,
  subtractCost,
  sumCosts,
  unknownCostsIn
} from "./internal/core/cost.js"
export type { CostSum, Decimal } from "./internal/core/cost.js"
export { differences, longestInOrder } from "./internal/core/diff.js"
export type { Divergence } from "./internal/core/diff.js"
export { absentable } from "./internal/core/json.js"
export { known, newError } from "./internal/core/makeError.js"
export { changeText } from "./internal/core/replayReport.js"
export { isEndedStatus, problemOf } from "./internal/core/runProblem.js"
export { inputOf, runOf } from "./internal/operations/sessionRun.js"
export { count, decoder } from "./internal/options/callOptions.js"
export { spanIdOf } from "./internal/trace/otlpSpans.js"
export { millisOf, payloadText, timelineOf } from "./internal/trace/timeline.js"
export type { PlacedStep } from "./internal/trace/timeline.js"

/**
 * Removes values from a session, as `Cassette.redact` does. Functions find the places of the patterns in each text.
 *
 * @since 0.1.0
 * @category redaction
 */
export const redactPlaces = (
  cassette: SessionCassette,
  paths: ReadonlyArray<string>,
  patterns: ReadonlyArray<FindPlaces>
): Either.Either<SessionCassette, InvalidRequestError> =>
  Either.map(redactionBy("Cassette.redact", paths, patterns), (redact) => redactSession(cassette, redact))

/**
 * Marks the words that differ in the first changes.
 *
 * @since 0.1.0
 * @category diffing
 */
export const markWords: (changes: ReadonlyArray<Change>) => ReadonlyArray<Change> = withWords
