/** The functions of the SDK that the packages of this repository need to keep and to report runs. */
import * as Either from "effect/Either"
import type { SessionCassette } from "../../../Cassette.js"
import type { InvalidRequestError } from "../../../NoukaiError.js"
import { type Change, withWords } from "../../../ValueDiff.js"
import { type FindPlaces, redactionBy, redactSession } from "../../cassette/redaction.js"

export { restore } from "../../cassette/layout.js"
export { executionIdOf, newRunsOf, runIdOf, slugOf } from "../../cassette/recording.js"
export type { RecordedAnswer } from "../../cassette/recording.js"
export { maskChange, maskSecrets } from "../../cassette/secretForms.js"
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
} from "../../core/cost.js"
export type { CostSum, Decimal } from "../../core/cost.js"
export { differences, longestInOrder } from "../../core/diff.js"
export type { Divergence } from "../../core/diff.js"
export { absentable } from "../../core/json.js"
export { known, newError } from "../../core/makeError.js"
export { changeText } from "../../core/replayReport.js"
export { isEndedStatus, problemOf } from "../../core/runProblem.js"
export { inputOf, runOf } from "../../operations/sessionRun.js"
export { count, decoder } from "../../options/callOptions.js"
export { spanIdOf } from "../../trace/otlpSpans.js"
export { millisOf, payloadText, timelineOf } from "../../trace/timeline.js"
export type { PlacedStep } from "../../trace/timeline.js"

/**
 * Removes values from a session, as `Cassette.redact` does. Functions find the places of the patterns in each text.
 */
export const redactPlaces = (
  cassette: SessionCassette,
  paths: ReadonlyArray<string>,
  patterns: ReadonlyArray<FindPlaces>
): Either.Either<SessionCassette, InvalidRequestError> =>
  Either.map(redactionBy("Cassette.redact", paths, patterns), (redact) => redactSession(cassette, redact))

/** Marks the words that differ in the first changes. */
export const markWords: (changes: ReadonlyArray<Change>) => ReadonlyArray<Change> = withWords
