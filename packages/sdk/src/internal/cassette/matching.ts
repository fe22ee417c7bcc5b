/** Finds the recordings of calls, and reports the calls that have none. */
import * as Array from "effect/Array"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { type ErrorCode, ReplayLeftoverError, ReplayMissError } from "../../NoukaiError.js"
import { withWords } from "../../ValueDiff.js"
import { differences, type Divergence } from "../core/diff.js"
import { known, newError } from "../core/makeError.js"
import * as Report from "../core/replayReport.js"
import { nearest } from "../kit/names.js"
import type { SessionResponse } from "../operations/requests.js"
import { index, keyOf, type Symbols } from "./layout.js"
import { executionIdOf, newRunsOf, type Question, recordedCall, type Recording, runIdOf, slugOf } from "./recording.js"
import { maskChange } from "./secretForms.js"

/** The recordings of a replay. */
export interface Recordings {
  /** The name of the replayed source, for people: `cassette grade.json`. */
  readonly source: string
  readonly match: Report.Match
  /** In recorded order. A recording that no call can take is `undefined`. */
  readonly recordings: ReadonlyArray<Recording | undefined>
  /** The session, if the recordings are its runs. It has no versions and no inputs. */
  readonly session?: SessionResponse | undefined
}

interface EntryState {
  readonly number: number
  readonly recording: Recording
  /** Equal for equal calls. */
  readonly key: string
}

/** A call of the program. */
export interface ProgramCall {
  /** The operation that the program called: `FlowService.execute`. */
  readonly operation: string
  readonly question: Question
  /** The run that it continues or reads, under the id that the program knows. */
  readonly run?: string | undefined
  /** The session that the call names, if it is not the replayed one. */
  readonly sessionId?: string | undefined
}

/** How to record a missing call. */
const again =
  "to record it, delete the file or record with mode \"all\"; if the call is additional, mode \"new\" keeps the others"

/** How to replace a recording that ends too early. */
export const anew = "to record it again, record with mode \"all\", or delete the file"

const sessionAnew = "to record it again, capture the request anew, or record with mode \"all\""

/** The reason why a recording ends before its call. */
export interface Gap {
  readonly reason: string
  readonly code?: ErrorCode
  /** How to record the call again. Default: the way that fits the call. */
  readonly fix?: string
}

/** The number of misses that a report keeps, of places that it names, and of recordings that a miss is compared to. */
const keptMisses = 100
const namedChanges = 50
const comparedAtMost = 1_000

const isJob = ({ endpoint }: Question): boolean => endpoint === "pollJob"

const isRun = ({ endpoint }: Question): boolean => endpoint === "execute" || endpoint === "step"

/** The group whose calls are counted together under `position`: the new runs of a slug, or the calls of one run. */
const placeOf = (question: Question, key: string): string =>
  newRunsOf(question) ?? (isRun(question) || question.endpoint === "submitJob"
    ? `${question.endpoint} ${slugOf(question.flow)} of ${executionIdOf(question)}`
    : key)

const plural = (count: number, noun: string): string => count === 1 ? `1 ${noun} is` : `${count} ${noun}s are`

export class Matching {
  private readonly entries: ReadonlyArray<EntryState>
  /** The entries that are counted together, by their place. */
  private readonly queues: { readonly [place: string]: ReadonlyArray<EntryState> }
  /** The number of calls so far at a place. */
  private readonly taken = new Map<string, number>()
  private readonly keys: { readonly [key: string]: ReadonlyArray<EntryState> }
  private readonly symbols: Symbols
  private readonly consumed = new Set<EntryState>()
  private readonly misses: Array<Report.Difference> = []
  private readonly runs: ReadonlySet<string>
  /** The number of calls in flight of the flows that several calls ran at once. */
  private readonly running = new Map<string, number>()
  private readonly warned = new Set<string>()
  private calls = 0

  constructor(private readonly of: Recordings) {
    const numbered = of.recordings.flatMap((recording, place) =>
      recording === undefined ? [] : [{ number: place + 1, recording }]
    )
    const { keyed, symbols } = index(numbered.map(({ recording }) => recording))
    this.symbols = symbols
    this.entries = numbered.map((one, place) => ({ ...one, key: keyed[place]!.key }))
    this.runs = new Set(this.entries.flatMap(({ recording }) => runIdOf(recording) ?? []))
    this.keys = Array.groupBy(this.entries, ({ key }) => key)
    this.queues = Array.groupBy(this.entries, ({ key, recording }) => this.placeOf(recording, key))
  }

  private get isSession(): boolean {
    return this.of.session !== undefined
  }

  private placeOf(question: Question, key: string): string {
    // a job is asked about as often as its caller likes
    if (this.of.match === "strict" && !isJob(question)) return "strict"
    return this.of.match === "position" ? placeOf(question, key) : key
  }

  /** The parts of a call by which its recording is found. */
  private matched({ question, run }: ProgramCall): Question {
    if (!this.isSession) return question
    const { endpoint, flow } = question
    const input = run === undefined ? undefined : { executionId: run }
    return { endpoint, flow: flow === undefined ? undefined : slugOf(flow), version: undefined, input }
  }

  private keysOf(asked: ProgramCall): { readonly question: Question; readonly key: string; readonly place: string } {
    const question = this.matched(asked)
    const key = keyOf(question, this.symbols)
    return { question, key, place: this.placeOf(question, key) }
  }

  /** Whether a call continues a recorded run, whose next steps only the recording knows. */
  goesOn({ question, run }: ProgramCall): boolean {
    return run !== undefined && isRun(question) && this.runs.has(run)
  }

  /**
   * Counts a call until the scope closes. Under `position`, calls of a flow that run at once can take each other's
   * recordings: warns once of each such flow, and lets each call yield, as a wait for a response would.
   */
  entering(asked: ProgramCall): Effect.Effect<void, never, Scope.Scope> {
    const question = this.matched(asked)
    if (this.of.match !== "position" || executionIdOf(question) !== undefined) return Effect.void
    const key = placeOf(question, "")
    const enter = Effect.suspend(() => {
      const before = this.running.get(key) ?? 0
      this.running.set(key, before + 1)
      if (before === 0 || this.warned.has(key)) return Effect.void
      this.warned.add(key)
      return Effect.logWarning(
        `replay: several calls of ${JSON.stringify(question.flow ?? "")} run at once; each takes the next recording ` +
          "as it begins, which need not be the one it had when they were recorded"
      )
    })
    const leave = Effect.sync(() => this.running.set(key, this.running.get(key)! - 1))
    return Effect.acquireRelease(enter, () => Effect.zipRight(Effect.yieldNow(), leave))
  }

  /** Takes the recording of a call. Returns it with its place. */
  find(asked: ProgramCall): { readonly recording: Recording; readonly place: number } | undefined {
    this.calls++
    const { place, question } = this.keysOf(asked)
    const isOfRun = this.isSession && asked.run !== undefined
    const isRepeated = isJob(question) || isOfRun
    const entry = isOfRun
      // all calls that continue a run of a session take the one recording of the run
      ? this.entries.find(({ recording }) =>
        placeOf({ ...recording, input: { executionId: runIdOf(recording) } }, "") === place
      )
      : isRepeated
      ? this.queues[place]?.[0]
      : this.next(asked)
    // under `strict`, a call that misses leaves the next recording to the calls after it
    if (!isRepeated && (entry !== undefined || this.of.match !== "strict")) {
      this.taken.set(place, (this.taken.get(place) ?? 0) + 1)
    }
    if (entry === undefined) return undefined
    this.consumed.add(entry)
    return { recording: entry.recording, place: entry.number - 1 }
  }

  /** The recording that is next at a place. */
  private nextAt(place: string): EntryState | undefined {
    return this.queues[place]?.[this.taken.get(place) ?? 0]
  }

  private next(asked: ProgramCall): EntryState | undefined {
    const { key, place } = this.keysOf(asked)
    const entry = this.nextAt(place)
    return this.of.match === "strict" && entry?.key !== key ? undefined : entry
  }

  /** The number of the recording that a call would take; `Infinity` where there is none. */
  numberOf(asked: ProgramCall): number {
    return this.next(asked)?.number ?? Infinity
  }

  /** The miss of a walked run that was recorded as one of `execute`. Its caller then calls `execute`. */
  asExecute(asked: ProgramCall): ReplayMissError {
    const detail = "it was recorded as a run of execute"
    return this.missed(asked, detail, this.report(detail, 0, []), Report.recordedAsExecute)
  }

  /** The miss of a call whose recording ends too early. */
  unfinished(asked: ProgramCall, gap: Gap): ReplayMissError {
    return this.noted(asked, gap, 1, { kind: "extra", call: this.callOf(asked, 1) })
  }

  /** The miss of a call that this replay can never answer. */
  refuse(asked: ProgramCall, reason: string): ReplayMissError {
    this.calls++
    return this.noted(asked, { reason }, 0, { kind: "extra", call: this.callOf(asked, 1) })
  }

  private callOf({ operation, question, sessionId }: ProgramCall, nth: number): Report.ReplayedCall {
    const { endpoint, flow, version } = question
    const executionId = executionIdOf(question)
    return { number: this.calls, operation, endpoint, ...known({ flow, version, executionId, sessionId }), nth }
  }

  /** The miss of a call for which no recording was found, with its reasons. */
  miss(asked: ProgramCall): ReplayMissError {
    const { key, place, question } = this.keysOf(asked)
    const same = this.keys[key] ?? []
    const nth = this.of.match === "strict" ? 1 : this.taken.get(place) ?? 1
    const call = this.callOf(asked, nth)
    const noted = (reason: string, difference: Report.Difference = { kind: "extra", call }, code?: ErrorCode) =>
      this.noted(asked, { reason, ...known({ code }) }, same.length, difference)
    const expected = this.of.match === "strict" ? this.nextAt("strict") : undefined
    const moved = same.find((entry) => !this.consumed.has(entry))
    if (moved !== undefined) {
      const reason = expected === undefined
        ? "it comes after the last one that was recorded"
        : `it comes too early: recording ${expected.number} is next`
      return noted(reason, { kind: "moved", call, recording: recordedCall(moved) })
    }
    if (!this.isSession && same.length > 0) {
      return noted(`its ${same.length === 1 ? "recording is" : `${same.length} recordings are`} used up`)
    }
    if (!this.isSession && expected === undefined && this.goesOn(asked) && !this.isContinued(asked)) {
      return noted(Report.notEnded(stepOf(question)), undefined, Report.unfinishedRun)
    }
    const isNew = !this.isSession || (isRun(question) && executionIdOf(question) === undefined)
    const nearest = isNew ? this.nearest(question, expected) : undefined
    if (nearest === undefined) {
      return noted(this.isSession ? this.reasonOfSession(question, nth, same.length) : "nothing like it was recorded")
    }
    return noted(
      this.isSession ? this.reasonOfSession(question, nth, same.length) : "it was recorded a little differently",
      {
        kind: "changed",
        call,
        recording: recordedCall(nearest.entry),
        changes: withWords(nearest.changes.map(maskChange))
      }
    )
  }

  private reasonOfSession(question: Question, nth: number, count: number): string {
    if (!isRun(question)) return "a session holds runs of flows, and neither jobs nor traces"
    if (executionIdOf(question) !== undefined) return "the run that this call goes on with was not recorded"
    const name = `${question.endpoint === "execute" ? "execute" : "events or steps"} of ${
      JSON.stringify(question.flow)
    }`
    return `this is call ${nth} of ${name}, and ${plural(count, "recording")} there`
  }

  /** Whether a recording that no call took continues the run of a call. */
  private isContinued({ question, run }: ProgramCall): boolean {
    return this.entries.some((entry) =>
      !this.consumed.has(entry) && entry.recording.endpoint === question.endpoint &&
      executionIdOf(entry.recording) === run
    )
  }

  private nearest(
    question: Question,
    expected: EntryState | undefined
  ): { readonly entry: EntryState; readonly changes: ReadonlyArray<Divergence> } | undefined {
    const isFree = (entry: EntryState): boolean => !this.consumed.has(entry)
    const sameFlow = (entry: EntryState): boolean => entry.recording.flow === question.flow
    const candidates = this.entries.filter(({ recording }) => recording.endpoint === question.endpoint)
    const free = candidates.filter(isFree)
    const pools = this.isSession
      // a session may hold a run of the flow by the other endpoint
      ? [this.entries.filter((entry) => isFree(entry) && sameFlow(entry)).slice(0, 1)]
      : [
        candidates.filter((entry) => entry === expected && sameFlow(entry)),
        free.filter(sameFlow),
        candidates.filter(sameFlow)
      ]
    const similar = nearest(slugOf(question.flow), free, ({ recording }) => slugOf(recording.flow))
    const pool = pools.find((some) => some.length > 0) ?? (similar === undefined ? [] : [similar])
    let best: { readonly entry: EntryState; readonly changes: ReadonlyArray<Divergence> } | undefined
    for (const entry of pool.slice(0, comparedAtMost)) {
      const changes = this.changesOf(entry.recording, question, best?.changes.length ?? namedChanges)
      if (best === undefined || changes.length < best.changes.length) best = { entry, changes }
    }
    return best
  }

  private changesOf(recorded: Question, question: Question, limit: number): ReadonlyArray<Divergence> {
    const facts = (["endpoint", "flow", "version"] as const).flatMap((name): ReadonlyArray<Divergence> =>
      recorded[name] === question[name] ? [] : [{
        path: this.isSession && name === "flow" ? ["flow", "slug"] : [name],
        ...known({ expected: recorded[name], actual: question[name] })
      }]
    )
    return [...facts, ...differences(recorded.input, question.input, limit)]
  }

  private report(reason: string, matching: number, differences: ReadonlyArray<Report.Difference>): Report.ReplayReport {
    const { match, recordings: { length: total }, source } = this.of
    const unmatchable = total - this.entries.length
    return { match, source, reason, recordings: { matching, total, unmatchable }, differences }
  }

  /** Keeps a miss for the report of `verify`. */
  private noted(
    asked: ProgramCall,
    { code, fix, reason }: Gap,
    matching: number,
    difference: Report.Difference
  ): ReplayMissError {
    if (this.misses.length < keptMisses) this.misses.push(difference)
    const way = this.isSession ? sessionAnew : fix ?? (this.goesOn(asked) ? anew : again)
    return this.missed(asked, `${reason}; ${way}`, this.report(reason, matching, [difference]), code)
  }

  private missed(
    { operation: method, question }: ProgramCall,
    detail: string,
    report: Report.ReplayReport,
    code: ErrorCode | undefined
  ): ReplayMissError {
    const facts = known({ flow: question.flow, executionId: executionIdOf(question), code })
    return newError(ReplayMissError, { method, ...facts, detail, report })
  }

  /** Fails if there are recordings that no call took. Those that no call can take do not count. */
  verify(method: string): Effect.Effect<void, ReplayLeftoverError> {
    return Effect.suspend(() => {
      const left = this.entries.filter((entry) => !this.consumed.has(entry))
      if (left.length === 0) return Effect.void
      const explained = new Set(this.misses.flatMap((miss) => "recording" in miss ? [miss.recording.number] : []))
      const reason = `${left.length} of ${this.of.recordings.length} recordings`
      const ids = left.map(({ recording }) => runIdOf(recording)).filter((id) => id !== undefined)
      const missing = left.filter(({ number }) => !explained.has(number)).map((entry): Report.Difference => ({
        kind: "missing",
        recording: recordedCall(entry)
      }))
      return Effect.fail(
        newError(ReplayLeftoverError, {
          method,
          detail: reason,
          executionIds: [...new Set(ids)].sort(),
          report: this.report(reason, 0, [...this.misses, ...missing])
        })
      )
    })
  }
}

/** The step that a call continues with. */
const stepOf = ({ input }: Question): string => {
  const { pausedAtStep, stepIndex } = Predicate.isRecord(input) ? input : {}
  return typeof pausedAtStep === "string"
    ? JSON.stringify(pausedAtStep)
    : typeof stepIndex === "number"
    ? String(stepIndex + 1)
    : "1"
}
