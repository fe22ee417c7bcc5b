/**
 * The differences of two cassettes, as data and in words.
 *
 * @since 0.1.0
 */
import type { Cassette, Change, RecordedCall, RecordedCassette, SessionCassette } from "@effect-noukai/sdk/Cassette"
import { canonicalText } from "@effect-noukai/sdk/kit/plainJson"
import {
  changeText,
  differences,
  entriesInOrder,
  jsonCopy,
  known,
  mapStrings,
  markWords,
  maskChange,
  ownName,
  recordedCall,
  recordingText,
  restore
} from "@effect-noukai/sdk/kit/runs/report"
import type { SessionExecution } from "@effect-noukai/sdk/SessionService"
import * as Array from "effect/Array"
import { longestInOrder } from "./internal/longestInOrder.js"

/**
 * One way in which a cassette differs from another one, which is called the first. In changes, `expected` is the value of
 * the first cassette and `actual` the value of the second. Secrets of well-known forms are masked.
 *
 * - `settings`: the kind of the cassette, or the settings of its client.
 * - `removed`: a recording of the first cassette alone.
 * - `added`: a recording of the second cassette alone.
 * - `changed`: a recording whose input or answer changed: `$.input.message`, `$.answer.value.result`.
 * - `moved`: a recording that is the same, at another place among the others.
 *
 * @since 0.1.0
 * @category models
 */
export type CassetteDifference =
  | { readonly kind: "settings"; readonly changes: ReadonlyArray<Change> }
  | { readonly kind: "removed"; readonly recording: RecordedCall }
  | { readonly kind: "added"; readonly recording: RecordedCall }
  | {
    readonly kind: "changed"
    readonly before: RecordedCall
    readonly after: RecordedCall
    readonly changes: ReadonlyArray<Change>
  }
  | { readonly kind: "moved"; readonly before: RecordedCall; readonly after: RecordedCall }

type Value = { readonly [key: string]: unknown }

const named = /<id:(\w+\.\d+)(\.\d+>)/g

/** A value in which all ids have the same name. */
const withoutIds = (value: unknown): unknown => mapStrings(value, (text) => text.replace(named, "<id>"))

/** A value in which the ids of some calls have the names of the ids of other calls. */
const renameIds = (value: unknown, names: ReadonlyMap<string, string>): unknown =>
  mapStrings(
    value,
    (text) => text.replace(named, (_, name: string, rest: string) => `<id:${names.get(name) ?? name}${rest}`)
  )

/** A recording, as it is compared. */
interface ComparedCall {
  readonly call: RecordedCall
  /** Recordings of one kin may be one that changed. */
  readonly kin: string
  /** The part of the value that equal recordings have in common. */
  readonly asked: unknown
  readonly value: Value
  /** The beginning of the names of the ids that it introduced. */
  readonly ids?: string
}

/** The number of places that are named of one recording, and of recordings that are compared to find the nearest. */
const namedChanges = 1_000
const comparedAtMost = 200

const ofRecording = (cassette: RecordedCassette): ReadonlyArray<ComparedCall> => {
  const interactions = restore(cassette)
  return entriesInOrder(cassette).map((entry, place): ComparedCall => {
    const { answer, endpoint, flow, input, version } = entry
    return {
      call: recordedCall({ recording: interactions[place]!, number: place + 1 }),
      kin: `${endpoint} ${flow ?? ""}`,
      asked: [version ?? null, input],
      value: { ...known({ version }), input, answer },
      ids: ownName(entry)
    }
  })
}

/** The parts of a run that are the same in the next recording of it. */
const valueOf = ({ errorAtStep, snapshotsAvailable, status, steps, traceCaptureMode }: SessionExecution): Value =>
  // absent keys are not a difference
  jsonCopy({
    status,
    traceCaptureMode,
    snapshotsAvailable,
    errorAtStep,
    steps: steps.map(({ completedAt: _, durationMs: __, startedAt: ___, ...step }) => step)
  })

const ofSession = ({ session }: SessionCassette): ReadonlyArray<ComparedCall> =>
  session.executions.map((execution, place): ComparedCall => {
    const { executionId, slug, triggerType = "run" } = execution
    const value = valueOf(execution)
    return {
      call: { number: place + 1, endpoint: triggerType, ...known({ flow: slug, executionId }) },
      kin: `${triggerType} ${slug ?? ""}`,
      asked: value,
      value
    }
  })

const recordingsOf = (cassette: Cassette): ReadonlyArray<ComparedCall> =>
  cassette.kind === "session" ? ofSession(cassette) : ofRecording(cassette)

/** The recording that differs least from one of the other cassette. */
const nearest = (one: ComparedCall, others: ReadonlyArray<ComparedCall>): ComparedCall | undefined => {
  const value = withoutIds(one.value)
  let best = others[0]
  let least = namedChanges + 1
  for (const other of others.slice(0, comparedAtMost)) {
    const found = differences(withoutIds(other.value), value, least).length
    if (found < least) [best, least] = [other, found]
  }
  return best
}

/**
 * Pairs the recordings of the second cassette with those of the first: first those with equal requests, then those that
 * are equal but for the ids in them, then those that differ least.
 */
const pair = (
  first: ReadonlyArray<ComparedCall>,
  second: ReadonlyArray<ComparedCall>
): ReadonlyMap<ComparedCall, ComparedCall> => {
  const pairs = new Map<ComparedCall, ComparedCall>()
  const left = new Set(first)
  const add = (one: ComparedCall, other: ComparedCall | undefined): void => {
    if (other === undefined) return
    pairs.set(one, other)
    left.delete(other)
  }
  const unpaired = () => second.filter((one) => !pairs.has(one))
  const pairEqual = (keyOf: (one: ComparedCall) => string): void => {
    const groups = Array.groupBy(left, keyOf)
    for (const one of unpaired()) add(one, groups[keyOf(one)]?.find((other) => left.has(other)))
  }
  pairEqual(({ asked, kin }) => canonicalText([kin, asked]))
  pairEqual(({ asked, kin }) => canonicalText([kin, withoutIds(asked)]))
  for (const one of unpaired()) add(one, nearest(one, [...left].filter(({ kin }) => kin === one.kin)))
  return pairs
}

const changesOf = (before: unknown, after: unknown): ReadonlyArray<Change> =>
  markWords(differences(before, after, namedChanges).map(maskChange))

const settingsOf = ({ client, kind }: Cassette): unknown => ({ kind, client })

/**
 * The ways in which a cassette `b` differs from `a`: settings, recordings that were removed, added, changed or moved.
 * Ids, times and costs, which differ between any two recordings of the same calls, are not compared.
 *
 * Recordings with equal requests are paired. Each of the others is compared to recordings of the same endpoint and flow,
 * and paired with the one that differs least, which has changed. Cassettes of different kinds differ in `$.kind`, and
 * their recordings are not compared.
 *
 * @example
 * ```ts
 * import { CassetteDiff } from "@effect-noukai/report"
 * import { Cassette } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const changes = Effect.gen(function*() {
 *   const before = yield* Cassette.load("before.json")
 *   const after = yield* Cassette.load("after.json")
 *   return CassetteDiff.diff(before, after).map(CassetteDiff.differenceText).join("\n")
 * })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const diff = (a: Cassette, b: Cassette): ReadonlyArray<CassetteDifference> => {
  const changes = changesOf(settingsOf(a), settingsOf(b))
  const settings: ReadonlyArray<CassetteDifference> = changes.length === 0 ? [] : [{ kind: "settings", changes }]
  if (a.kind !== b.kind) return settings

  const [first, second] = [recordingsOf(a), recordingsOf(b)]
  const pairs = pair(first, second)
  const kept = new Set(pairs.values())
  const inOrder = longestInOrder(second.flatMap((one) => pairs.get(one)?.call.number ?? []))
  /** The names that the ids of the second cassette have in the first one. */
  const names = new Map<string, string>()
  for (const [{ ids }, other] of pairs) if (ids !== undefined && other.ids !== undefined) names.set(ids, other.ids)
  const removed = first.filter((one) => !kept.has(one)).map(({ call }): CassetteDifference => ({
    kind: "removed",
    recording: call
  }))
  const others = second.flatMap(({ call, value }, place): ReadonlyArray<CassetteDifference> => {
    const before = pairs.get(second[place]!)
    if (before === undefined) return [{ kind: "added", recording: call }]
    const changes = changesOf(before.value, renameIds(value, names))
    if (changes.length > 0) return [{ kind: "changed", before: before.call, after: call, changes }]
    return inOrder.has(before.call.number) ? [] : [{ kind: "moved", before: before.call, after: call }]
  })
  return [...settings, ...removed, ...others]
}

const lines = (changes: ReadonlyArray<Change>): string =>
  changes.map((change) => `\n  ${changeText(change, "was", "is")}`).join("")

/**
 * A difference in words: a line, and one for every change. Long values are cut.
 *
 * @since 0.1.0
 * @category conversions
 */
export const differenceText = (difference: CassetteDifference): string => {
  switch (difference.kind) {
    case "settings":
      return `settings changed${lines(difference.changes)}`
    case "removed":
    case "added":
      return `${difference.kind}: ${recordingText(difference.recording)}`
    case "moved":
      return `moved: ${recordingText(difference.before)} is now recording ${difference.after.number}`
    case "changed": {
      const { after, before, changes } = difference
      const now = before.number === after.number ? "" : ` is now recording ${after.number}`
      return `changed: ${recordingText(before)}${now}${lines(changes)}`
    }
  }
}
