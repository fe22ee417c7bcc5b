/** Calls and answers without what must not be recorded. */
import type { Interaction, Question } from "./interaction.js"
import type { RecordedAnswer, RecordedError, RecordedValue } from "./RecordedCassette.js"
import type { Redaction } from "./redaction.js"

/** A question without what must not be recorded; a recording and a replay of it ask the same. */
export const redactQuestion = ({ endpoint, flow, input, version }: Question, redact: Redaction): Question => ({
  endpoint,
  flow: flow === undefined ? undefined : redact.text(flow),
  version: version === undefined ? undefined : redact.text(version),
  input: redact.call(input)
})

/** An answer, or one of those that were given to polls. */
export type Status = RecordedValue | { readonly error: RecordedError }

/** The value as it will be read from JSON. */
const plain = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A

const redactError = (error: RecordedError, redact: Redaction): RecordedError => ({
  ...redact.call(plain(error)) as { readonly [key: string]: unknown },
  _tag: error._tag
})

export const redactStatus = (status: Status, redact: Redaction): Status =>
  "error" in status
    ? { error: redactError(status.error, redact) }
    : { ...status, value: redact.call(plain(status.value ?? null)) }

export const redactAnswer = (answer: RecordedAnswer, redact: Redaction): RecordedAnswer => {
  const once = redactParts(answer, redact)
  // a value that is removed from one event is known in all
  return redact.hasPaths ? redactParts(once, redact) : once
}

const redactParts = (answer: RecordedAnswer, redact: Redaction): RecordedAnswer => {
  if ("statuses" in answer) {
    const [first, ...rest] = answer.statuses
    return { statuses: [redactStatus(first, redact), ...rest.map((status) => redactStatus(status, redact))] }
  }
  if ("value" in answer || "error" in answer) return redactStatus(answer, redact)
  return "events" in answer
    ? {
      events: answer.events.map((event) => redact.call(plain(event))),
      end: typeof answer.end === "string" ? answer.end : { error: redactError(answer.end.error, redact) }
    }
    : answer
}

/** The whole of a call. */
export const redactInteraction = (interaction: Interaction, redact: Redaction): Interaction => ({
  ...redactQuestion(interaction, redact),
  answer: redactAnswer(interaction.answer, redact),
  at: interaction.at
})
