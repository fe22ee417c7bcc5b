/**
 * Keeps the calls through `NoukaiHttp`, up to a limit.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { encodeValue } from "../cassette/answerCodec.js"
import { encodeError, type RecordableError } from "../cassette/errorCodec.js"
import { executionIdOf, type Interaction, type Question } from "../cassette/interaction.js"
import type { RecordedAnswer } from "../cassette/RecordedCassette.js"
import {
  redactAnswer,
  redactInteraction,
  redactQuestion,
  redactStatus,
  type Status
} from "../cassette/redactInteraction.js"
import type { Redaction } from "../cassette/redaction.js"
import { canonicalText } from "../json/jsonText.js"

/** A call that has begun. @internal */
export interface PendingCall {
  readonly question: Question
  readonly place: number
  /** The outcome so far. */
  readonly soFar: () => RecordedAnswer
}

const unanswered: RecordedAnswer = { unanswered: true }

interface StatusHistory {
  readonly place: number
  readonly question: Question
  readonly statuses: Array<Status>
  readonly at: Array<number>
  last: string
}

const valueOf = (result: Either.Either<unknown, RecordableError>): Status =>
  Either.isLeft(result) ? { error: encodeError(result.left) } : encodeValue(result.right)

/** The content of a poll, equal for polls that differ only in their request id. */
const sameness = (status: Status): string => {
  const inner = "error" in status ? status.error : status.value
  return canonicalText(Predicate.isRecord(inner) ? { ...inner, requestId: undefined } : inner)
}

/** @internal */
export class Recorder {
  private readonly interactions: Array<Interaction | undefined>
  private readonly inFlight = new Map<number, PendingCall>()
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
    earlier: ReadonlyArray<Interaction>
  ) {
    this.interactions = earlier.map((interaction) => redactInteraction(interaction, redact))
    // what an earlier recording still holds, and is to be removed now, is a reason to write it anew
    this.hasChanged = canonicalText(earlier) !== canonicalText(this.interactions)
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
    return this.hasChanged || this.inFlight.size > 0
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

  begin(question: Question, soFar: () => RecordedAnswer = () => unanswered): PendingCall {
    const call = { question, place: this.interactions.length, soFar }
    if (!this.overflowed) this.inFlight.set(this.reserve(), call)
    return call
  }

  /** Reserves the place of a call that begins. */
  private reserve(): number {
    const place = this.interactions.length
    this.interactions.push(undefined)
    this.after.set(place, this.reached)
    return place
  }

  /** Drops a call without an outcome. */
  drop({ place }: PendingCall): void {
    this.inFlight.delete(place)
  }

  /** Counts a value against the limit, beyond which nothing is kept. */
  weigh(value: unknown): void {
    this.safely(() => {
      this.size += canonicalText(value).length
      if (!this.overflowed) return
      this.interactions.length = 0
      this.inFlight.clear()
      this.histories.clear()
    })
  }

  private set(place: number, interaction: Interaction): void {
    this.hasChanged = true
    this.interactions[place] = interaction
  }

  /** Ends a call. The events of a stream have been weighed as they came. */
  end(call: PendingCall, answer: RecordedAnswer): void {
    this.weigh("events" in answer ? call.question.input : [call.question.input, answer])
    this.drop(call)
    if (!this.overflowed) this.safely(() => this.set(call.place, this.interactionOf(call, answer)))
  }

  private interactionOf({ question }: PendingCall, answer: RecordedAnswer): Interaction {
    return { ...redactQuestion(question, this.redact), answer: redactAnswer(answer, this.redact), at: undefined }
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
    const id = executionIdOf(question) ?? ""
    const same = sameness(status)
    const history = this.historyOf(question, id, now)
    if (history.last === same) return
    history.last = same
    history.statuses.push(status)
    history.at.push(now - this.submitted.get(id)!)
    const [first, ...rest] = history.statuses
    this.set(history.place, {
      ...history.question,
      answer: { statuses: [first!, ...rest] },
      at: [...history.at]
    })
  }

  private historyOf(question: Question, id: string, now: number): StatusHistory {
    const key = `${question.flow ?? ""} ${id}`
    const known = this.histories.get(key)
    if (known !== undefined) return known
    if (!this.submitted.has(id)) this.submitted.set(id, now)
    const history: StatusHistory = {
      place: this.reserve(),
      question: redactQuestion(question, this.redact),
      statuses: [],
      at: [],
      last: ""
    }
    this.histories.set(key, history)
    return history
  }

  /** The calls so far, in the order in which they began; those in flight with their outcome so far. */
  get recorded(): ReadonlyArray<Interaction> {
    const kept = [...this.interactions]
    for (const [place, call] of this.inFlight) {
      this.safely(() => {
        kept[place] = this.interactionOf(call, call.soFar())
      })
    }
    return kept.map((interaction, place) => ({ interaction, after: this.after.get(place) ?? place }))
      .sort((a, b) => a.after - b.after)
      .flatMap(({ interaction }) => interaction === undefined ? [] : [interaction])
  }
}
