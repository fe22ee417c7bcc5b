/** Keeps the calls through `NoukaiHttp`, up to a limit. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type { CassetteError } from "../../NoukaiError.js"
import { canonicalText } from "../core/json.js"
import type { Match } from "../core/replayReport.js"
import * as CassetteFile from "./cassetteFile.js"
import { encodeError, encodeValue, type RecordableError } from "./codec.js"
import {
  executionIdOf,
  hasEnded,
  type Interaction,
  newRunsOf,
  type Question,
  runIdOf,
  type Status
} from "./interaction.js"
import { isSameRecording, layout } from "./layout.js"
import type { RecordedAnswer, RecordedCassette } from "./RecordedCassette.js"
import { redactAnswer, redactInteraction, type Redaction, redactQuestion, redactStatus } from "./redaction.js"

/** A call that has begun. */
export interface PendingCall {
  readonly question: Question
  readonly place: number
}

interface StatusHistory {
  readonly place: number
  readonly question: Question
  readonly statuses: Array<Status>
  readonly at: Array<number>
  /** The time of the last poll. */
  until: number
  /** The instant of the submission; of an earlier recording, the instant that fits its times. */
  began: number | undefined
  last: string
}

const valueOf = (result: Either.Either<unknown, RecordableError>): Status =>
  Either.isLeft(result) ? { error: encodeError(result.left) } : encodeValue(result.right)

/** The content of a poll, equal for polls that differ only in their request id. */
const sameness = (status: Status): string => {
  const inner = "error" in status ? status.error : status.value
  return canonicalText(Predicate.isRecord(inner) ? { ...inner, requestId: undefined } : inner)
}

const historyKey = (question: Question): string => `${question.flow ?? ""} ${executionIdOf(question) ?? ""}`

export class Recorder {
  private readonly interactions: Array<Interaction | undefined>
  /** The number of earlier recordings. */
  private readonly earlier: number
  /** The calls without an outcome, by place: in flight, or given up. */
  private readonly open = new Map<number, Question>()
  /** The runs whose caller was interrupted. */
  private readonly interruptedRuns = new Set<string>()
  private wasInterrupted = false
  /** For each added call, by its place: the last of the earlier recordings that the program had reached. */
  private readonly after = new Map<number, number>()
  private reached = -1
  private readonly histories = new Map<string, StatusHistory>()
  private readonly submitted = new Map<string, number>()
  private size = 0
  private hasBroken = false
  private hasChanged = false

  constructor(
    private readonly redact: Redaction,
    private readonly maxSize: number,
    private readonly match: Match,
    earlier: ReadonlyArray<Interaction>
  ) {
    this.interactions = earlier.map((interaction) => redactInteraction(interaction, redact))
    this.earlier = earlier.length
    // an earlier recording with values to remove is written anew
    this.hasChanged = canonicalText(earlier) !== canonicalText(this.interactions)
    for (const [place, interaction] of this.interactions.entries()) this.adopt(place, interaction!)
  }

  /** Goes on with the statuses of a job that had not ended. */
  private adopt(place: number, { answer, at = [], ...question }: Interaction): void {
    if (!("statuses" in answer) || hasEnded(answer.statuses)) return
    const { statuses } = answer
    this.histories.set(historyKey(question), {
      place,
      question,
      statuses: [...statuses],
      at: at.slice(0, statuses.length),
      until: at.at(-1) ?? 0,
      began: undefined,
      last: sameness(statuses.at(-1)!)
    })
  }

  /** Whether more calls came than may be kept. None are kept then. */
  get overflowed(): boolean {
    return this.size > this.maxSize
  }

  /** Whether a call came that cannot be written as JSON, such as one that nests too deeply. */
  get broken(): boolean {
    return this.hasBroken
  }

  /** Swallows failures of keeping a call, since a call that was billed must not fail because of them. */
  private safely(keep: () => void): void {
    try {
      keep()
    } catch {
      this.hasBroken = true
    }
  }

  /** Whether there are calls since the start, or since the last save. */
  get changed(): boolean {
    return this.hasChanged || this.open.size > 0
  }

  /** Whether recordings are missing because something was interrupted. */
  get isIncomplete(): boolean {
    return this.wasInterrupted || this.open.size > 0 || this.interruptedRuns.size > 0 ||
      [...this.histories.values()].some(({ statuses }) => !hasEnded(statuses))
  }

  /** Notes that the program was interrupted. */
  interrupted(): void {
    if (this.changed) this.wasInterrupted = true
  }

  /** Notes that the caller of a run was interrupted before the run ended. A run of an earlier recording stays. */
  interruptedRun(executionId: string): void {
    const isOwn = this.interactions.slice(this.earlier).some((one) => one !== undefined && runIdOf(one) === executionId)
    if (isOwn) this.interruptedRuns.add(executionId)
  }

  written(): void {
    this.hasChanged = false
  }

  /**
   * Notes that the program has reached an earlier recording; calls that are added from now on have their place behind
   * it.
   */
  reach(place: number): void {
    this.reached = Math.max(this.reached, place)
  }

  /** Begins a call. It is recorded when it ends, and not if it is given up before. */
  begin(asked: Question): PendingCall {
    let question = asked
    // now, with the values that are known when the same call is made in a replay
    this.safely(() => {
      question = redactQuestion(asked, this.redact)
    })
    const call = { question, place: this.interactions.length }
    if (!this.overflowed) this.open.set(this.reserve(), question)
    return call
  }

  /** Reserves the place of a call that begins. */
  private reserve(): number {
    const place = this.interactions.length
    this.interactions.push(undefined)
    this.after.set(place, this.reached)
    return place
  }

  /** Counts a value against the limit, beyond which nothing is kept. */
  weigh(value: unknown): void {
    this.safely(() => {
      this.size += canonicalText(value).length
      if (!this.overflowed) return
      this.interactions.length = 0
      this.open.clear()
      this.histories.clear()
    })
  }

  private set(place: number, interaction: Interaction): void {
    this.hasChanged = true
    this.interactions[place] = interaction
  }

  /** Ends a call, unless it has ended. The events of a stream have been weighed as they came. */
  end(call: PendingCall, answer: RecordedAnswer): void {
    if (!this.overflowed && !this.open.delete(call.place)) return
    this.weigh("events" in answer ? call.question.input : [call.question.input, answer])
    if (!this.overflowed) this.safely(() => this.set(call.place, this.interactionOf(call, answer)))
  }

  private interactionOf({ question }: PendingCall, answer: RecordedAnswer): Interaction {
    return { ...question, answer: redactAnswer(answer, this.redact), at: undefined }
  }

  answered(call: PendingCall, result: Either.Either<unknown, RecordableError>, now: number): void {
    if (call.question.endpoint === "submitJob" && Either.isRight(result) && Predicate.isRecord(result.right)) {
      const id = result.right.executionId
      if (typeof id === "string") this.submitted.set(id, now)
    }
    this.end(call, valueOf(result))
  }

  /** Adds a poll to the one recording of its job. */
  polled(question: Question, result: Either.Either<unknown, RecordableError>, now: number): void {
    this.weigh(valueOf(result))
    if (!this.overflowed) this.safely(() => this.addStatus(question, redactStatus(valueOf(result), this.redact), now))
  }

  private addStatus(question: Question, status: Status, now: number): void {
    const same = sameness(status)
    const history = this.historyOf(question)
    history.began ??= this.submitted.get(executionIdOf(question) ?? "") ?? now - history.until
    history.until = now - history.began
    if (history.last !== same) {
      history.last = same
      history.statuses.push(status)
      history.at.push(history.until)
    }
    const { at, place, statuses: [first, ...rest], until } = history
    this.set(place, {
      ...history.question,
      answer: { statuses: [first!, ...rest] },
      at: hasEnded(history.statuses) ? [...at] : [...at, until]
    })
  }

  private historyOf(asked: Question): StatusHistory {
    const question = redactQuestion(asked, this.redact)
    const key = historyKey(question)
    const known = this.histories.get(key)
    if (known !== undefined) return known
    const history: StatusHistory = {
      place: this.reserve(),
      question,
      statuses: [],
      at: [],
      until: 0,
      began: undefined,
      last: ""
    }
    this.histories.set(key, history)
    return history
  }

  /**
   * The calls so far, in the order in which they began. Runs that were interrupted are left out as a whole, since they
   * can only be recorded again from their beginning. So are, under `position`, the runs after such a one: they would
   * take its place.
   */
  get recorded(): ReadonlyArray<Interaction> {
    const lostRuns = new Set(this.interruptedRuns)
    for (const question of this.open.values()) {
      const run = question.endpoint === "execute" || question.endpoint === "step" ? executionIdOf(question) : undefined
      if (run !== undefined) lostRuns.add(run)
    }
    const lostGroups = new Set<string>()
    return this.interactions.map((interaction, place) => {
      const after = this.after.get(place) ?? place
      const question = interaction ?? this.open.get(place)
      if (place < this.earlier || question === undefined) return { interaction, after }
      const run = interaction === undefined ? undefined : runIdOf(interaction)
      const group = this.match === "position" ? newRunsOf(question) : undefined
      const isLost = interaction === undefined || (run !== undefined && lostRuns.has(run)) ||
        (group !== undefined && lostGroups.has(group))
      if (isLost && run !== undefined) lostRuns.add(run)
      if (isLost && group !== undefined) lostGroups.add(group)
      return { interaction: isLost ? undefined : interaction, after }
    })
      .sort((a, b) => a.after - b.after)
      .flatMap(({ interaction }) => interaction === undefined ? [] : [interaction])
  }
}

const method = "NoukaiRecord.toFile"

/** The cassette of the file, if it exists; in the mode `none` it must. */
export const existing = (path: string, mode: "once" | "new" | "all" | "none") => {
  const read = Effect.asSome(CassetteFile.read(method, path))
  return mode === "none" ? read : Effect.catchIf(
    read,
    (error) => error.reason === "NotFound",
    () => Effect.succeedNone
  )
}

const notJson = (path: string, cause?: unknown): CassetteError =>
  CassetteFile.cassetteError(method, "Invalid", {
    path,
    detail: "something was recorded that cannot be written as JSON",
    cause
  })

/** Writes the cassette, unless only ids, times and costs have changed. */
export const saving = (
  path: string,
  match: Match,
  recorder: Recorder,
  old: RecordedCassette | undefined,
  client: () => RecordedCassette["client"]
): Effect.Effect<void, CassetteError> => {
  /** The file as it is now. */
  let written = old
  return Effect.suspend(() => {
    if (recorder.overflowed) {
      return Effect.fail(
        CassetteFile.tooLarge(method, path, `what was recorded is over the limit of ${CassetteFile.maxBytes} bytes`)
      )
    }
    if (recorder.broken) return Effect.fail(notJson(path))
    if (!recorder.changed) return Effect.void
    const { isIncomplete, recorded } = recorder
    // an absent file, or the old one, is worth more than an empty one
    if (recorded.length === 0) return Effect.void
    const laidOut = Effect.try({
      try: () => {
        const cassette = layout(recorded, client())
        return isIncomplete ? { ...cassette, incomplete: true as const } : cassette
      },
      catch: (cause) => notJson(path, cause)
    })
    return Effect.flatMap(laidOut, (cassette) =>
      Effect.map(
        written !== undefined && isSameRecording(written, cassette, match)
          ? Effect.void
          : CassetteFile.write(method, path, cassette),
        () => {
          written = cassette
          recorder.written()
        }
      ))
  })
}

/** Saves at the end of the scope, however the program ends, since its calls were billed. */
export const savedAtTheEnd = (
  recorder: Recorder,
  save: Effect.Effect<void, CassetteError>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer((exit) =>
    Effect.suspend(() => {
      if (Exit.isInterrupted(exit)) recorder.interrupted()
      // a finalizer has no error channel, and a cassette that was not written must not pass for one that was
      return Effect.catchAll(save, (error) => Effect.die(error))
    })
  )
