/** Finds the recording of a call. */
import * as Predicate from "effect/Predicate"
import { type ErrorCode, ReplayLeftoverError, ReplayMissError } from "../../NoukaiError.js"
import { differences, type Divergence } from "../core/diff.js"
import { unchecked } from "../core/makeError.js"
import {
  type Difference,
  type Match,
  notEnded,
  type RecordedCall,
  type ReplayedCall,
  type ReplayReport,
  unfinishedRun
} from "../core/replayReport.js"
import { nameDistance } from "../core/similarity.js"
import { recordedAsExecute } from "../run/executeRun.js"
import { executionIdOf, type Interaction, newRunsOf, type Question, runIdOf, slugOf } from "./interaction.js"
import { maskChange } from "./secretForms.js"
import { index, keyOf, type Symbols } from "./volatile.js"

interface EntryState {
  readonly number: number
  readonly interaction: Interaction
  /** The text by which equal calls are found equal. */
  readonly key: string
}

/** A call of the program. */
export interface ProgramCall {
  /** The operation that the program called: `FlowService.execute`. */
  readonly operation: string
  readonly question: Question
  /** The run that it goes on with, or asks about, under the id that the program knows it by. */
  readonly run?: string | undefined
}

/** Says how what is missing is recorded. */
const again = "to record it, use NoukaiRecord.toFile with mode \"new\" or \"all\", or delete the file"

/** Says how a recording that goes no further is made again. */
export const anew = "to record it again, use NoukaiRecord.toFile with mode \"all\", or delete the file"

interface MissFacts {
  readonly code?: ErrorCode
  /** The way to record again. Default: the one that fits the call. */
  readonly fix?: string
}

/** The number of misses that a report keeps, and of places that it names. */
const keptMisses = 100
const namedChanges = 50

/**
 * The number of recordings compared to find the one that was probably meant: in all, and at the least for each miss.
 */
const comparedInAll = 100_000
const comparedAtLeast = 200

const isJob = ({ endpoint }: Question): boolean => endpoint === "pollJob"

/** The group whose calls are counted together under `position`: the new runs of a slug, or the calls about one run. */
const placeOf = (question: Question, key: string): string => {
  const { endpoint } = question
  return newRunsOf(question) ??
    (endpoint === "execute" || endpoint === "step" || endpoint === "submitJob"
      ? `${endpoint} of ${executionIdOf(question)}`
      : key)
}

export class RecordedMatching {
  private readonly entries: ReadonlyArray<EntryState>
  private readonly queues = new Map<string, Array<EntryState>>()
  private readonly keys = new Map<string, Array<EntryState>>()
  private readonly symbols: Symbols
  private readonly consumed = new Set<EntryState>()
  private readonly misses: Array<Difference> = []
  private readonly runs = new Set<string>()
  private readonly taken = new Map<string, number>()
  private calls = 0
  private compared = 0
  private next = 0

  constructor(
    interactions: ReadonlyArray<Interaction>,
    private readonly match: Match,
    private readonly source: string
  ) {
    const { keyed, symbols } = index(interactions)
    this.symbols = symbols
    this.entries = keyed.map(({ interaction, key }, place) => ({ number: place + 1, interaction, key }))
    for (const entry of this.entries) {
      add(this.keys, entry.key, entry)
      add(this.queues, match === "position" ? placeOf(entry.interaction, entry.key) : entry.key, entry)
      const run = runIdOf(entry.interaction)
      if (run !== undefined) this.runs.add(run)
    }
  }

  /** Whether a call goes on with a recorded run, whose next steps only the recording knows. */
  goesOn({ question: { endpoint }, run }: ProgramCall): boolean {
    return run !== undefined && (endpoint === "execute" || endpoint === "step") && this.runs.has(run)
  }

  /** The key of calls that, if they run at once, could take each other's recording; only `position` has one. */
  sharedKey(question: Question): string | undefined {
    return this.match === "position" && executionIdOf(question) === undefined
      ? placeOf(question, "")
      : undefined
  }

  /** Takes the recording of a call, and gives it with its place among all. */
  find(asked: ProgramCall): { readonly interaction: Interaction; readonly place: number } | undefined {
    this.calls++
    const key = keyOf(asked.question, this.symbols)
    const entry = isJob(asked.question)
      ? this.keys.get(key)?.[0]
      : this.match === "strict"
      ? this.findNext(key)
      : this.findQueued(this.match === "position" ? placeOf(asked.question, key) : key)
    if (entry === undefined) return undefined
    this.consumed.add(entry)
    return { interaction: entry.interaction, place: entry.number - 1 }
  }

  /** The number of the recording that a call would take; `Infinity` where there is none. */
  numberOf(asked: ProgramCall): number {
    const key = keyOf(asked.question, this.symbols)
    if (this.match === "strict") return this.expected?.key === key ? this.expected.number : Infinity
    const place = this.match === "position" ? placeOf(asked.question, key) : key
    return this.queues.get(place)?.[this.taken.get(place) ?? 0]?.number ?? Infinity
  }

  private findQueued(place: string): EntryState | undefined {
    const nth = this.taken.get(place) ?? 0
    this.taken.set(place, nth + 1)
    return this.queues.get(place)?.[nth]
  }

  /** The recording that is next in order. */
  private get expected(): EntryState | undefined {
    while (this.next < this.entries.length && isJob(this.entries[this.next]!.interaction)) this.next++
    return this.entries[this.next]
  }

  private findNext(key: string): EntryState | undefined {
    const entry = this.expected
    if (entry?.key !== key) return undefined
    this.next++
    return entry
  }

  /** The miss of a run that was recorded as one of `execute`, which its caller asks for then. */
  asExecute({ operation, question }: ProgramCall): ReplayMissError {
    const detail = "it was recorded as a run of execute"
    return new ReplayMissError({
      method: operation,
      ...(question.flow === undefined ? undefined : { flow: question.flow }),
      detail,
      code: recordedAsExecute,
      isRetryable: false,
      report: this.report(detail, 0, [])
    }, unchecked)
  }

  /** The miss of a call whose recording ends too early. */
  unfinished(asked: ProgramCall, reason: string, facts: MissFacts = {}): ReplayMissError {
    return this.missed(asked, reason, 1, { kind: "extra", call: this.callOf(asked, 1) }, facts)
  }

  private callOf({ operation, question }: ProgramCall, nth: number): ReplayedCall {
    const { endpoint, flow, version } = question
    const executionId = executionIdOf(question)
    return {
      number: this.calls,
      operation,
      endpoint,
      ...(flow === undefined ? undefined : { flow }),
      ...(version === undefined ? undefined : { version }),
      ...(executionId === undefined ? undefined : { executionId }),
      nth
    }
  }

  /** The miss of a call for which no recording was found, with its reasons. */
  miss(asked: ProgramCall): ReplayMissError {
    const key = keyOf(asked.question, this.symbols)
    const same = this.keys.get(key) ?? []
    const place = this.match === "position" ? placeOf(asked.question, key) : key
    const call = this.callOf(asked, this.taken.get(place) ?? 1)
    const expected = this.match === "strict" ? this.entries[this.next] : undefined
    const moved = same.find((entry) => !this.consumed.has(entry))
    if (moved !== undefined) {
      const reason = expected === undefined
        ? "it comes after the last one that was recorded"
        : `it comes too early: recording ${expected.number} is next`
      return this.missed(asked, reason, same.length, { kind: "moved", call, recording: recordingOf(moved) })
    }
    if (expected === undefined && same.length === 0 && this.goesOn(asked) && !this.isContinued(asked)) {
      const reason = notEnded(stepOf(asked.question))
      return this.missed(asked, reason, 0, { kind: "extra", call }, { code: unfinishedRun })
    }
    const nearest = this.nearest(asked.question, expected)
    const reason = same.length > 0
      ? `its ${same.length === 1 ? "recording is" : `${same.length} recordings are`} used up`
      : nearest === undefined
      ? "nothing like it was recorded"
      : "it was recorded a little differently"
    return this.missed(
      asked,
      reason,
      same.length,
      nearest === undefined || same.length > 0
        ? { kind: "extra", call }
        : {
          kind: "changed",
          call,
          recording: recordingOf(nearest.entry),
          changes: nearest.changes.map(maskChange)
        }
    )
  }

  /** Whether a recording that no call took goes on with the run of a call. */
  private isContinued({ question, run }: ProgramCall): boolean {
    return this.entries.some((entry) =>
      !this.consumed.has(entry) && entry.interaction.endpoint === question.endpoint &&
      executionIdOf(entry.interaction) === run
    )
  }

  private nearest(
    question: Question,
    expected: EntryState | undefined
  ): { readonly entry: EntryState; readonly changes: ReadonlyArray<Divergence> } | undefined {
    if (expected?.interaction.endpoint === question.endpoint && expected.interaction.flow === question.flow) {
      return { entry: expected, changes: this.changesOf(expected.interaction, question, namedChanges) }
    }
    const candidates = this.entries.filter(({ interaction }) => interaction.endpoint === question.endpoint)
    const free = candidates.filter((entry) => !this.consumed.has(entry))
    const sameFlow = (entry: EntryState): boolean => entry.interaction.flow === question.flow
    const pools = [free.filter(sameFlow), candidates.filter(sameFlow)]
    const pool = pools.find((some) => some.length > 0) ??
      free.filter(({ interaction }) => nameDistance(slugOf(interaction.flow), slugOf(question.flow)) !== undefined)
    let best: { readonly entry: EntryState; readonly changes: ReadonlyArray<Divergence> } | undefined
    for (const entry of pool.slice(0, Math.max(comparedAtLeast, comparedInAll - this.compared))) {
      this.compared++
      const changes = this.changesOf(entry.interaction, question, best?.changes.length ?? namedChanges)
      if (best === undefined || changes.length < best.changes.length) best = { entry, changes }
    }
    return best
  }

  private changesOf(recorded: Interaction, question: Question, limit: number): ReadonlyArray<Divergence> {
    const facts = (["flow", "version"] as const).flatMap((name): ReadonlyArray<Divergence> =>
      recorded[name] === question[name] ? [] : [{
        path: [name],
        ...(recorded[name] === undefined ? undefined : { expected: recorded[name] }),
        ...(question[name] === undefined ? undefined : { actual: question[name] })
      }]
    )
    return [...facts, ...differences(recorded.input, question.input, limit)]
  }

  private report(reason: string, matching: number, found: ReadonlyArray<Difference>): ReplayReport {
    return {
      match: this.match,
      source: this.source,
      reason,
      recordings: { matching, total: this.entries.length, unmatchable: 0 },
      differences: found
    }
  }

  private missed(
    asked: ProgramCall,
    reason: string,
    matching: number,
    difference: Difference,
    { code, fix = this.goesOn(asked) ? anew : again }: MissFacts = {}
  ): ReplayMissError {
    const { operation, question } = asked
    if (this.misses.length < keptMisses) this.misses.push(difference)
    const executionId = executionIdOf(question)
    return new ReplayMissError({
      method: operation,
      ...(question.flow === undefined ? undefined : { flow: question.flow }),
      ...(executionId === undefined ? undefined : { executionId }),
      ...(code === undefined ? undefined : { code }),
      detail: `${reason}; ${fix}`,
      isRetryable: false,
      report: this.report(reason, matching, [difference])
    }, unchecked)
  }

  leftover(method: string): ReplayLeftoverError | undefined {
    const left = this.entries.filter((entry) => !this.consumed.has(entry))
    if (left.length === 0) return undefined
    const explained = new Set(this.misses.flatMap((miss) => "recording" in miss ? [miss.recording.number] : []))
    const reason = `${left.length} of ${this.entries.length} recordings`
    const ids = left.map(({ interaction }) => runIdOf(interaction)).filter((id) => id !== undefined)
    return new ReplayLeftoverError({
      method,
      detail: reason,
      isRetryable: false,
      executionIds: [...new Set(ids)].sort(),
      report: this.report(reason, 0, [
        ...this.misses,
        ...left.filter(({ number }) => !explained.has(number)).map((entry): Difference => ({
          kind: "missing",
          recording: recordingOf(entry)
        }))
      ])
    }, unchecked)
  }
}

/** The step that a call goes on with. */
const stepOf = ({ input }: Question): string => {
  const { pausedAtStep, stepIndex } = Predicate.isRecord(input) ? input : {}
  return typeof pausedAtStep === "string"
    ? JSON.stringify(pausedAtStep)
    : typeof stepIndex === "number"
    ? String(stepIndex + 1)
    : "1"
}

const add = (map: Map<string, Array<EntryState>>, key: string, entry: EntryState): void => {
  const some = map.get(key)
  if (some === undefined) map.set(key, [entry])
  else some.push(entry)
}

export const recordingOf = (
  { interaction, number }: { readonly interaction: Interaction; readonly number: number }
): RecordedCall => {
  const { endpoint, flow, version } = interaction
  const executionId = runIdOf(interaction)
  return {
    number,
    endpoint,
    ...(flow === undefined ? undefined : { flow }),
    ...(version === undefined ? undefined : { version }),
    ...(executionId === undefined ? undefined : { executionId })
  }
}
