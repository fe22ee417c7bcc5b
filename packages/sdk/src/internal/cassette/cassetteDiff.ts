/** The differences of two cassettes, as data and in words. */
import { differences } from "../core/diff.js"
import { canonicalText } from "../core/json.js"
import { known } from "../core/makeError.js"
import { type Change, type RecordedCall, recordingText, valueText } from "../core/replayReport.js"
import type { SessionExecution } from "../operations/requests.js"
import type { AnyCassette } from "./cassetteFile.js"
import { addTo } from "./interaction.js"
import { entriesInOrder, restore } from "./layout.js"
import { recordingOf } from "./matching.js"
import type { RecordedCassette, SessionCassette } from "./RecordedCassette.js"
import { maskChange } from "./secretForms.js"
import { idNames, ownName, renameIds } from "./volatile.js"

/**
 * One way in which a cassette differs from another one, which is called the first. In changes, `expected` is the value of
 * the first cassette and `actual` the value of the second. Secrets of well-known forms are masked.
 *
 * - `settings`: the kind of the cassette, or the settings of its client.
 * - `removed`: a recording of the first cassette alone.
 * - `added`: a recording of the second cassette alone.
 * - `changed`: a recording whose input or answer changed: `$.input.message`, `$.answer.value.result`.
 * - `moved`: a recording that is the same, at another place among the others.
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

/** A recording, as it is compared. */
interface ComparedCall {
  readonly call: RecordedCall
  /** Recordings of one kin may be one that changed. */
  readonly kin: string
  /** The part of the value by which a recording is found again. */
  readonly asked: (value: Value) => unknown
  readonly value: Value
  /** The beginning of the names of the ids that it introduced. */
  readonly ids: string | undefined
  /** The beginnings of the names of the ids in its input, which other recordings introduced. */
  readonly asksWith: ReadonlySet<string>
}

type Value = { readonly [key: string]: unknown }

/** The number of places that are named of one recording, and of recordings that are compared to find the nearest. */
const namedChanges = 1_000
const comparedAtMost = 200

const ofRecording = (cassette: RecordedCassette): ReadonlyArray<ComparedCall> => {
  const interactions = restore(cassette)
  return entriesInOrder(cassette).map((entry, place): ComparedCall => {
    const { answer, endpoint, flow, input, version } = entry
    return {
      call: recordingOf({ recording: interactions[place]!, number: place + 1 }),
      kin: `${endpoint} ${flow ?? ""}`,
      asked: ({ input, version }) => [version ?? null, input],
      value: { ...(version === undefined ? undefined : { version }), input, answer },
      ids: ownName(entry),
      asksWith: idNames(input)
    }
  })
}

/** The parts of a run that are the same in the next recording of it. */
const valueOf = ({ errorAtStep, snapshotsAvailable, status, steps, traceCaptureMode }: SessionExecution): Value => ({
  status,
  traceCaptureMode,
  snapshotsAvailable,
  errorAtStep,
  steps: steps.map(({ completedAt: _, durationMs: __, startedAt: ___, ...step }) => step)
})

const ofSession = ({ session }: SessionCassette): ReadonlyArray<ComparedCall> =>
  session.executions.map((execution, place): ComparedCall => {
    const { executionId, slug, triggerType = "run" } = execution
    return {
      call: { number: place + 1, endpoint: triggerType, ...known({ flow: slug, executionId }) },
      kin: `${triggerType} ${slug ?? ""}`,
      asked: (value) => value,
      // absent keys are not a difference
      value: JSON.parse(JSON.stringify(valueOf(execution))) as Value,
      ids: undefined,
      asksWith: new Set()
    }
  })

const recordingsOf = (cassette: AnyCassette): ReadonlyArray<ComparedCall> =>
  cassette.kind === "session" ? ofSession(cassette) : ofRecording(cassette)

/** The places of a list of different numbers that stay when as few as can be are taken out to leave it in order. */
const longestInOrder = (numbers: ReadonlyArray<number>): ReadonlySet<number> => {
  const ends: Array<number> = []
  const before: Array<number> = []
  for (const [place, number] of numbers.entries()) {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (numbers[ends[middle]!]! < number) low = middle + 1
      else high = middle
    }
    before.push(low === 0 ? -1 : ends[low - 1]!)
    ends[low] = place
  }
  const kept = new Set<number>()
  for (let place = ends.at(-1) ?? -1; place >= 0; place = before[place]!) kept.add(place)
  return kept
}

/** Pairs the recordings of two cassettes: those that ask the same, then those that differ least. */
class Pairing {
  /** Maps recordings of the second cassette to recordings of the first one. */
  readonly pairs = new Map<ComparedCall, ComparedCall>()
  /** The names that the ids of paired recordings of the second cassette have in the first one. */
  private readonly names = new Map<string, string>()
  private readonly same = new Map<string, Array<ComparedCall>>()
  private readonly kin = new Map<string, Set<ComparedCall>>()
  /** The recordings of the second cassette by the names of the ids that they ask with. */
  private readonly asking = new Map<string, Array<ComparedCall>>()

  constructor(first: ReadonlyArray<ComparedCall>, second: ReadonlyArray<ComparedCall>) {
    for (const one of first) {
      const key = this.keyOf(one, one.value)
      addTo(this.same, key, one)
      const kin = this.kin.get(one.kin)
      if (kin === undefined) this.kin.set(one.kin, new Set([one]))
      else kin.add(one)
    }
    for (const one of second) {
      for (const name of one.asksWith) addTo(this.asking, name, one)
    }
    this.pairEqual(second)
    for (const one of second) {
      if (this.pairs.has(one)) continue
      const nearest = this.nearest(one)
      if (nearest !== undefined) this.pairEqual(this.pair(nearest, one))
    }
  }

  private keyOf(one: ComparedCall, value: Value): string {
    return canonicalText([one.kin, one.asked(value)])
  }

  /** The value of a recording of the second cassette with the ids of the first. */
  private renamed({ ids, value }: ComparedCall): Value {
    return ids === undefined ? value : renameIds(value, this.names) as Value
  }

  /** Pairs two recordings. Returns the recordings whose inputs have an id of the second one: they may be found now. */
  private pair(first: ComparedCall, second: ComparedCall): ReadonlyArray<ComparedCall> {
    this.pairs.set(second, first)
    this.kin.get(first.kin)?.delete(first)
    if (first.ids === undefined || second.ids === undefined || first.ids === second.ids) return []
    this.names.set(second.ids, first.ids)
    return this.asking.get(second.ids) ?? []
  }

  private pairEqual(some: ReadonlyArray<ComparedCall>): void {
    const open = [...some]
    for (const one of open) {
      if (this.pairs.has(one)) continue
      const key = this.keyOf(one, this.renamed(one))
      const same = this.same.get(key) ?? []
      const found = same.find((other) => this.kin.get(other.kin)?.has(other) === true)
      if (found === undefined) continue
      // those before it are taken
      this.same.set(key, same.slice(same.indexOf(found) + 1))
      for (const other of this.pair(found, one)) open.push(other)
    }
  }

  private nearest(one: ComparedCall): ComparedCall | undefined {
    const value = this.renamed(one)
    let best: ComparedCall | undefined
    let least = namedChanges + 1
    let compared = 0
    for (const other of this.kin.get(one.kin) ?? []) {
      if (++compared > comparedAtMost) break
      const found = differences(other.value, value, least).length
      if (found < least) [best, least] = [other, found]
    }
    return best ?? this.kin.get(one.kin)?.values().next().value
  }

  changes(first: ComparedCall, second: ComparedCall): ReadonlyArray<Change> {
    const value = this.renamed(second)
    return differences(first.value, value, namedChanges).map(maskChange)
  }
}

const settingsOf = ({ client, kind }: AnyCassette): unknown => ({ kind, client })

export const diff = (a: AnyCassette, b: AnyCassette): ReadonlyArray<CassetteDifference> => {
  const settings = [settingsOf(a), settingsOf(b)] as const
  const changed = differences(...settings, namedChanges).map(maskChange)
  const found: Array<CassetteDifference> = changed.length === 0 ? [] : [{ kind: "settings", changes: changed }]
  if (a.kind !== b.kind) return found

  const [first, second] = [recordingsOf(a), recordingsOf(b)]
  const pairing = new Pairing(first, second)
  const paired = second.filter((one) => pairing.pairs.has(one))
  const stays = longestInOrder(paired.map((one) => pairing.pairs.get(one)!.call.number))
  const inOrder = new Set(paired.filter((_, place) => stays.has(place)))
  const kept = new Set(pairing.pairs.values())
  for (const { call } of first.filter((one) => !kept.has(one))) found.push({ kind: "removed", recording: call })
  for (const one of second) {
    const before = pairing.pairs.get(one)
    if (before === undefined) {
      found.push({ kind: "added", recording: one.call })
      continue
    }
    const changes = pairing.changes(before, one)
    if (changes.length > 0) found.push({ kind: "changed", before: before.call, after: one.call, changes })
    else if (!inOrder.has(one)) found.push({ kind: "moved", before: before.call, after: one.call })
  }
  return found
}

const changeText = (change: Change): string =>
  `\n  ${change.path}: was ${valueText(change, "expected")}, is ${valueText(change, "actual")}`

export const differenceText = (difference: CassetteDifference): string => {
  switch (difference.kind) {
    case "settings":
      return `settings changed${difference.changes.map(changeText).join("")}`
    case "removed":
    case "added":
      return `${difference.kind}: ${recordingText(difference.recording)}`
    case "moved":
      return `moved: ${recordingText(difference.before)} is now recording ${difference.after.number}`
    case "changed": {
      const { after, before, changes } = difference
      const now = before.number === after.number ? "" : ` is now recording ${after.number}`
      return `changed: ${recordingText(before)}${now}${changes.map(changeText).join("")}`
    }
  }
}
