import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const decode = Schema.decodeUnknownOption(Schema.parseJson(Schema.Struct({
  detail: Schema.Union(Schema.String, Schema.Struct({ code: Schema.String }))
})))

/** The words of "session … not found" and its like. A text with any other word may be about something else. */
const words: ReadonlySet<string> = new Set((
  "not no unknown cannot doesn't does could be found find exist exists known such is are was were has have " +
  "there a an any the this that with by for under of in id run runs execution executions"
).split(" "))

const denials: ReadonlySet<string> = new Set(["not", "no", "unknown", "cannot", "doesn't"])

/** Whether a text says of one of some things that it does not exist: "Session 5d1c… not found", "No such job". */
const saysSo = (text: string, things: ReadonlyArray<string>, id = " "): boolean => {
  const said: ReadonlyArray<string> =
    text.toLowerCase().replaceAll(id.toLowerCase(), " ").match(/[a-z0-9]+(?:'[a-z]+)?/g) ?? []
  return said.some((word) => things.includes(word)) && said.some((word) => denials.has(word)) &&
    said.every((word) => things.includes(word) || words.has(word))
}

const says = (body: string, codes: ReadonlyArray<string>, things: ReadonlyArray<string>, id?: string): boolean =>
  Option.match(decode(body), {
    onNone: () => false,
    onSome: ({ detail }) => typeof detail === "string" ? saysSo(detail, things, id) : codes.includes(detail.code)
  })

/**
 * Whether the body of a 404 says that the session does not exist. The one rule of every look-up: where it is wrong, a
 * paid run is sent again. A gateway's 404, a 404 of a flow, and a body that was cut say nothing of a session.
 *
 * @see contract 11.1
 */
export const noSession = (body: string, sessionId: string): boolean =>
  says(body, ["NOT_FOUND", "SESSION_NOT_FOUND"], ["session"], sessionId)

/**
 * Whether the body of a 404 says that the flow, the job or the run does not exist. Where it is wrong, the result of a paid
 * run is lost.
 *
 * @see contract 8.2
 */
export const noRun = (body: string, executionId?: string): boolean =>
  says(
    body,
    ["NOT_FOUND", "JOB_NOT_FOUND", "RUN_NOT_FOUND", "FLOW_NOT_FOUND"],
    ["job", "run", "execution", "flow"],
    executionId
  )
