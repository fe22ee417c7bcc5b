/** The functions of the SDK that the packages of this repository need to keep and to report runs. */
import * as Either from "effect/Either"
import type { SessionCassette } from "../../../Cassette.js"
import type { InvalidRequestError } from "../../../NoukaiError.js"
import { type Change, withWords } from "../../../ValueDiff.js"
import { type FindPlaces, redactionBy, redactSession } from "../../cassette/redaction.js"

export { encodeError } from "../../cassette/codec.js"
export { entriesInOrder, layout, ownName, restore } from "../../cassette/layout.js"
export { executionIdOf, newRunsOf, recordedCall, runIdOf, slugOf } from "../../cassette/recording.js"
export type { Interaction, RecordedAnswer } from "../../cassette/recording.js"
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
export { differences, mapStrings } from "../../core/diff.js"
export type { Divergence } from "../../core/diff.js"
export { absentable, jsonCopy } from "../../core/json.js"
export { known, newError } from "../../core/makeError.js"
export { changeText, recordingText } from "../../core/replayReport.js"
export { isEndedStatus, problemOf } from "../../core/runProblem.js"
export { inputOf, runOf, withoutPrompt } from "../../operations/sessionRun.js"
export type { InputOfRun } from "../../operations/sessionRun.js"
export {
  FlowCompleted,
  RunStarted,
  StepCompleted,
  StepError,
  StepPaused,
  StepStarted,
  ToolCallsRequired
} from "../../operations/wireEvent.js"
export { count, decoder } from "../../options/callOptions.js"
export { version } from "../../options/headers.js"
export { runFields } from "../../run/runInput.js"
export { payloadText, problemType, runAttributes, sumTokens, tokenAttributes } from "../../telemetry/attributes.js"
export type { AttributeValue } from "../../telemetry/attributes.js"
export { millisOf, stepAttributes, timelineOf } from "../../trace/timeline.js"
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
