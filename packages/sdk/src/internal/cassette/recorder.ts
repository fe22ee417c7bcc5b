/** Keeps the calls through `NoukaiHttp`, and saves them. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type { CassetteError } from "../../NoukaiError.js"
import { canonicalText } from "../core/json.js"
import type { Match } from "../core/replayReport.js"
import * as CassetteFile from "./cassetteFile.js"
import { isSameRecording, layout } from "./layout.js"
import {
  executionIdOf,
  hasEnded,
  type Interaction,
  newRunsOf,
  type Question,
  type RecordedAnswer,
  type RecordedCassette,
  runIdOf,
  type Status
} from "./recording.js"
import { redactAnswer, redactInteraction, type Redaction, redactQuestion, redactStatus } from "./redaction.js"

/** A call that has begun. */
export interface PendingCall {
  readonly question: Question
  /** The last of the earlier recordings that the program had reached: the call has its place behind it. */
  readonly after: number
  /** Whether the call is of an earlier recording. */
  readonly isEarlier: boolean
  /** Absent while the call is in flight, and if it was given up. */
  interaction: Interaction | undefined
}

/** The content of a poll, equal for polls that differ only in their request id. */
const sameness = (status: Status | undefined): string => {
  const inner = status === undefined || "error" in status ? status?.error : status.value
  return canonicalText(Predicate.isRecord(inner) ? { ...inner, requestId: undefined } : inner)
}

const statusesOf = (interaction: Interaction | undefined): ReadonlyArray<Status> =>
  interaction !== undefined && "statuses" in interaction.answer ? interaction.answer.statuses : []

const jobKey = (question: Question): string => `${question.flow ?? ""} ${executionIdOf(question) ?? ""}`

export class Recorder {
  private readonly calls: Array<PendingCall>
  /** The recordings of jobs that are polled. */
  private readonly jobs = new Map<string, PendingCall>()
  /** The instants at which jobs were submitted, by their ids; of an earlier recording, those that fit its times. */
  private readonly submitted = new Map<string, number>()
  /** The runs whose caller was interrupted. */
  private readonly interruptedRuns = new Set<string>()
  private wasInterrupted = false
  private reached = -1
  /** Whether a call came that cannot be written as JSON, such as one that nests too deeply. */
  broken = false
  private hasChanged: boolean

  constructor(
    private readonly redact: Redaction,
    readonly match: Match,
    earlier: ReadonlyArray<Interaction>
  ) {
    const interactions = earlier.map((interaction) => redactInteraction(interaction, redact))
    this.calls = interactions.map((interaction, after) => ({
      question: interaction,
      after,
      isEarlier: true,
      interaction
    }))
    // an earlier recording with values to remove is written anew
    this.hasChanged = canonicalText(earlier) !== canonicalText(interactions)
    // goes on with the statuses of jobs that had not ended
    for (const call of this.calls) {
      if (!hasEnded(statusesOf(call.interaction))) this.jobs.set(jobKey(call.question), call)
    }
  }

  /** Swallows failures of keeping a call, since a call that was billed must not fail because of them. */
  private safely(keep: () => void): void {
    try {
      keep()
    } catch {
      this.broken = true
    }
  }

  private get hasOpen(): boolean {
    return this.calls.some(({ interaction }) => interaction === undefined)
  }

  /** Whether there are calls since the start, or since the last save. */
  get changed(): boolean {
    return this.hasChanged || this.hasOpen
  }

  /** Whether recordings are missing because something was interrupted. */
  get isIncomplete(): boolean {
    return this.wasInterrupted || this.hasOpen || this.interruptedRuns.size > 0 ||
      this.calls.some(({ interaction }) => !hasEnded(statusesOf(interaction)))
  }

  /** Notes that the program was interrupted. */
  interrupted(): void {
    if (this.changed) this.wasInterrupted = true
  }

  /** Notes that the caller of a run was interrupted before the run ended. A run of an earlier recording stays. */
  interruptedRun(executionId: string): void {
    const isOwn = ({ interaction, isEarlier }: PendingCall): boolean =>
      !isEarlier && interaction !== undefined && runIdOf(interaction) === executionId
    if (this.calls.some(isOwn)) this.interruptedRuns.add(executionId)
  }

  written(): void {
    this.hasChanged = false
  }

  /** Notes that the program has reached an earlier recording. */
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
    const call = { question, after: this.reached, isEarlier: false, interaction: undefined }
    this.calls.push(call)
    return call
  }

  private set(call: PendingCall, interaction: Interaction): void {
    this.hasChanged = true
    call.interaction = interaction
  }

  /** Ends a call, unless it has ended. */
  end(call: PendingCall, answer: RecordedAnswer): void {
    if (call.interaction !== undefined) return
    this.safely(() => this.set(call, { ...call.question, answer: redactAnswer(answer, this.redact), at: undefined }))
  }

  answered(call: PendingCall, status: Status, now: number): void {
    const id = "value" in status && Predicate.isRecord(status.value) ? status.value.executionId : undefined
    if (call.question.endpoint === "submitJob" && typeof id === "string") this.submitted.set(id, now)
    this.end(call, status)
  }

  /** Adds a poll to the one recording of its job. */
  polled(question: Question, status: Status, now: number): void {
    this.safely(() => this.addStatus(this.jobOf(question), redactStatus(status, this.redact), now))
  }

  private addStatus(call: PendingCall, status: Status, now: number): void {
    const { interaction, question } = call
    const before = statusesOf(interaction)
    const at = interaction?.at ?? []
    const id = executionIdOf(question) ?? ""
    const began = this.submitted.get(id) ?? now - (at.at(-1) ?? 0)
    this.submitted.set(id, began)
    const isNew = before.length === 0 || sameness(before.at(-1)) !== sameness(status)
    const [first = status, ...rest] = isNew ? [...before, status] : before
    const statuses = [first, ...rest] as const
    const times = [...at.slice(0, before.length), ...(isNew ? [now - began] : [])]
    this.set(call, {
      ...question,
      answer: { statuses },
      at: hasEnded(statuses) ? times : [...times, now - began]
    })
  }

  private jobOf(asked: Question): PendingCall {
    const key = jobKey(redactQuestion(asked, this.redact))
    const job = this.jobs.get(key) ?? this.begin(asked)
    this.jobs.set(key, job)
    return job
  }

  /**
   * The calls so far, in the order in which they began. Runs that were interrupted are left out as a whole, since they
   * can only be recorded again from their beginning. So are, under `position`, the runs after such a one: they would
   * take its place.
   */
  get recorded(): ReadonlyArray<Interaction> {
    const lost = new Set(this.interruptedRuns)
    for (const { interaction, question } of this.calls) {
      const run = question.endpoint === "execute" || question.endpoint === "step" ? executionIdOf(question) : undefined
      if (interaction === undefined && run !== undefined) lost.add(run)
    }
    const lostGroups = new Set<string>()
    return this.calls.filter(({ interaction, isEarlier, question }) => {
      if (isEarlier) return true
      const run = interaction === undefined ? undefined : runIdOf(interaction)
      const group = this.match === "position" ? newRunsOf(question) : undefined
      const isLost = interaction === undefined || (run !== undefined && lost.has(run)) ||
        (group !== undefined && lostGroups.has(group))
      if (isLost && run !== undefined) lost.add(run)
      if (isLost && group !== undefined) lostGroups.add(group)
      return !isLost
    })
      .sort((a, b) => a.after - b.after)
      .flatMap(({ interaction = [] }) => interaction)
  }
}

const method = "NoukaiRecord.toFile"

const notJson = (path: string, cause?: unknown): CassetteError =>
  CassetteFile.cassetteError(method, "Invalid", {
    path,
    detail: "something was recorded that cannot be written as JSON",
    cause
  })

/**
 * Returns an effect that writes the cassette, unless only ids, times and costs have changed. It also runs at the end of
 * the scope, however the program ends, since its calls were billed.
 */
export const saving = (
  path: string,
  recorder: Recorder,
  old: RecordedCassette | undefined,
  client: () => RecordedCassette["client"]
): Effect.Effect<Effect.Effect<void, CassetteError>, never, Scope.Scope> => {
  /** The file as it is now. */
  let written = old
  const save = Effect.gen(function*() {
    if (recorder.broken) return yield* notJson(path)
    if (!recorder.changed) return
    const { isIncomplete, match, recorded } = recorder
    // an absent file, or the old one, is worth more than an empty one
    if (recorded.length === 0) return
    const cassette = yield* Effect.try({
      try: (): RecordedCassette => ({
        ...layout(recorded, client()),
        ...(isIncomplete ? { incomplete: true } : undefined)
      }),
      catch: (cause) => notJson(path, cause)
    })
    if (written === undefined || !isSameRecording(written, cassette, match)) {
      yield* CassetteFile.write(method, path, cassette)
    }
    written = cassette
    recorder.written()
  })
  return Effect.as(
    Effect.addFinalizer((exit) => {
      if (Exit.isInterrupted(exit)) recorder.interrupted()
      // a finalizer has no error channel, and a cassette that was not written must not pass for one that was
      return Effect.catchAll(save, (error) => Effect.die(error))
    }),
    save
  )
}
