/**
 * Keeps what crosses the seam, up to a limit.
 *
 * @internal
 */
import * as Either from "effect/Either"
import type { HttpError } from "../../NoukaiError.js"
import type { Answer, RecordedError } from "../../RecordedCassette.js"
import { canonicalText } from "../canonical.js"
import { encodeError } from "./errorCodec.js"
import { executionIdOf, type Interaction, type Question } from "./interaction.js"
import { isObject, type JsonObject } from "./json.js"
import type { Redaction } from "./redaction.js"

/** A call that was begun. @internal */
export interface Ticket {
  readonly question: Question
  readonly place: number
}

type Status = { readonly value: unknown } | { readonly error: RecordedError }

interface Timeline {
  readonly place: number
  readonly question: Question
  readonly statuses: Array<Status>
  readonly at: Array<number>
  last: string
}

const valueOf = (result: Either.Either<unknown, HttpError>): Status =>
  Either.isLeft(result) ? { error: encodeError(result.left) } : { value: result.right }

/** Two polls that say the same, each under a request id of its own. */
const sameness = (status: Status): string => {
  const inner = "error" in status ? status.error : status.value
  return canonicalText(isObject(inner) ? { ...inner, requestId: undefined } : inner)
}

/** As it will be read: JSON. */
const plain = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A

const redactError = (error: RecordedError, redact: Redaction): RecordedError => ({
  ...redact(plain(error)) as JsonObject,
  _tag: error._tag
})

const redactStatus = (status: Status, redact: Redaction): Status =>
  "error" in status ? { error: redactError(status.error, redact) } : { value: redact(plain(status.value ?? null)) }

const redactAnswer = (answer: Answer, redact: Redaction): Answer => {
  if ("value" in answer || "error" in answer) return redactStatus(answer, redact)
  return "events" in answer
    ? {
      events: answer.events.map((event) => redact(plain(event))),
      end: typeof answer.end === "string" ? answer.end : { error: redactError(answer.end.error, redact) }
    }
    : answer
}

/** @internal */
export class Recorder {
  private readonly interactions: Array<Interaction | undefined>
  private readonly timelines = new Map<string, Timeline>()
  private readonly submitted = new Map<string, number>()
  private size = 0
  private hasBroken = false
  /** Whether there is something that was not there at the start. */
  changed = false

  constructor(
    private readonly redact: Redaction,
    private readonly maxSize: number,
    earlier: ReadonlyArray<Interaction>
  ) {
    this.interactions = [...earlier]
  }

  /** Whether more came than may be kept. What was kept is gone. */
  get overflowed(): boolean {
    return this.size > this.maxSize
  }

  /** Whether something came that cannot be written as JSON, such as what nests too deeply. */
  get broken(): boolean {
    return this.hasBroken
  }

  /** A call that was paid for must not fail because it cannot be kept. */
  private safely(keep: () => void): void {
    try {
      keep()
    } catch {
      this.hasBroken = true
    }
  }

  begin(question: Question): Ticket {
    const place = this.interactions.length
    if (!this.overflowed) this.interactions.push(undefined)
    return { question, place }
  }

  /** Counts what will be kept against the limit; beyond it, nothing is. */
  weigh(value: unknown): void {
    this.safely(() => {
      this.size += canonicalText(value).length
      if (!this.overflowed) return
      this.interactions.length = 0
      this.timelines.clear()
    })
  }

  private redacted(question: Question): Question {
    return { ...question, input: this.redact(question.input) }
  }

  private set(place: number, interaction: Interaction): void {
    this.changed = true
    this.interactions[place] = interaction
  }

  /** Of a stream, the events have been weighed as they came. */
  end(ticket: Ticket, answer: Answer): void {
    this.weigh("events" in answer ? ticket.question.input : [ticket.question.input, answer])
    if (this.overflowed) return
    this.safely(() => {
      const question = this.redacted(ticket.question)
      this.set(ticket.place, { ...question, answer: redactAnswer(answer, this.redact), at: undefined })
    })
  }

  answered(ticket: Ticket, result: Either.Either<unknown, HttpError>, now: number): void {
    if (ticket.question.endpoint === "submitJob" && Either.isRight(result) && isObject(result.right)) {
      const id = result.right.executionId
      if (typeof id === "string") this.submitted.set(id, now)
    }
    this.end(ticket, valueOf(result))
  }

  /** A poll: part of the one recording of its job. */
  polled(question: Question, result: Either.Either<unknown, HttpError>, now: number): void {
    this.weigh(valueOf(result))
    if (!this.overflowed) this.safely(() => this.addStatus(question, redactStatus(valueOf(result), this.redact), now))
  }

  private addStatus(question: Question, status: Status, now: number): void {
    const id = executionIdOf(question) ?? ""
    const same = sameness(status)
    const timeline = this.timelineOf(question, id, now)
    if (timeline.last === same) return
    timeline.last = same
    timeline.statuses.push(status)
    timeline.at.push(now - this.submitted.get(id)!)
    const [first, ...rest] = timeline.statuses
    this.set(timeline.place, {
      ...timeline.question,
      answer: { statuses: [first!, ...rest] },
      at: [...timeline.at]
    })
  }

  private timelineOf(question: Question, id: string, now: number): Timeline {
    const key = `${question.flow ?? ""} ${id}`
    const known = this.timelines.get(key)
    if (known !== undefined) return known
    if (!this.submitted.has(id)) this.submitted.set(id, now)
    const { place } = this.begin(question)
    const timeline: Timeline = { place, question: this.redacted(question), statuses: [], at: [], last: "" }
    this.timelines.set(key, timeline)
    return timeline
  }

  /** What is kept so far, in the order in which it began. */
  get recorded(): ReadonlyArray<Interaction> {
    return this.interactions.filter((interaction) => interaction !== undefined)
  }
}
