import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const decode = Schema.decodeUnknownOption(Schema.parseJson(Schema.Struct({
  detail: Schema.Union(Schema.String, Schema.Struct({ code: Schema.Literal("NOT_FOUND", "SESSION_NOT_FOUND") }))
})))

/** The words of "session … not found" and its like. A text with any other word may be about something else. */
const words: ReadonlySet<string> = new Set((
  "session not no unknown cannot doesn't does could be found find exist exists known such is are was were has have " +
  "there a an any the this that with by for under of in id run runs execution executions"
).split(" "))

const denials: ReadonlySet<string> = new Set(["not", "no", "unknown", "cannot", "doesn't"])

/** Whether a text says of a session that it does not exist: "Session 5d1c… not found", "No such session". */
const saysSo = (text: string, sessionId: string): boolean => {
  const said: ReadonlyArray<string> =
    text.toLowerCase().replaceAll(sessionId.toLowerCase(), " ").match(/[a-z0-9]+(?:'[a-z]+)?/g) ?? []
  return said.includes("session") && said.some((word) => denials.has(word)) && said.every((word) => words.has(word))
}

/**
 * Whether the body of a 404 says that the session does not exist. The one rule of every look-up: where it is wrong, a
 * paid run is sent again. A gateway's 404, a 404 of a flow, and a body that was cut say nothing of a session.
 *
 * @see contract 11.1
 * @internal
 */
export const noSession = (body: string, sessionId: string): boolean =>
  Option.match(decode(body), {
    onNone: () => false,
    onSome: ({ detail }) => typeof detail !== "string" || saysSo(detail, sessionId)
  })
