/** `noukai session save`. */
import type { CassetteError, Redact } from "@effect-noukai/sdk"
import * as Cassette from "@effect-noukai/sdk/Cassette"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { dirname } from "node:path"
import { argument, connection, flag, repeated, sessionId } from "../../arguments/flags.js"
import * as Values from "../../arguments/values.js"
import { CommandError, UsageError } from "../../exit/CommandError.js"
import { exitCodes } from "../../exit/exitCode.js"
import { withoutMethod } from "../../exit/failing.js"
import { services } from "../../settings/services.js"
import { counted } from "../../terminal/amounts.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"

const config = {
  sessionId,
  file: argument("file", "The file to write."),
  redactPath: repeated("redact-path", "Remove values at this path, such as **.email. Repeatable."),
  redactPattern: repeated("redact-pattern", "Remove text that matches this regex. Repeatable."),
  force: flag("force", "Replace an existing file."),
  ...connection
}

type Input = InputOf<typeof config>

const empty: Cassette.SessionCassette = {
  format: "noukai-cassette/1",
  kind: "session",
  client: {},
  session: { sessionId: "", executions: [] }
}

/** Reads and checks the redaction before anything is sent. */
const redaction = (input: Input): Effect.Effect<Redact, UsageError> =>
  Effect.gen(function*() {
    const patterns = yield* Effect.forEach(input.redactPattern, (text) => Values.pattern("--redact-pattern", text))
    const redact: Redact = { paths: input.redactPath, patterns }
    yield* Effect.mapError(
      Cassette.redact(empty, redact),
      ({ message }) => new UsageError({ message: `--redact-path: ${message}` })
    )
    return redact
  })

const notSaved = (error: CassetteError) => new CommandError({ code: exitCodes.failed, message: withoutMethod(error) })

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const sessionId = yield* Values.sessionId("session-id", input.sessionId)
  const redact = yield* redaction(input)
  if (input.file === "-") {
    return yield* new UsageError({ message: "cannot write to -: give a file name" })
  }
  if (!input.force && existsSync(input.file)) {
    return yield* new UsageError({
      message: `${input.file} exists: use --force to replace it`
    })
  }
  yield* Effect.gen(function*() {
    const cassette = yield* Effect.flatMap(Cassette.fromSession(sessionId), Cassette.redact(redact))
    const folder = dirname(input.file)
    const isNew = !existsSync(folder)
    yield* Effect.mapError(Cassette.save(cassette, input.file), notSaved)
    if (isNew) yield* terminal.note(`created the folder ${folder}`)
    yield* terminal.note(`${counted(cassette.session.executions.length, "run")} saved in ${input.file}`)
  }).pipe(Effect.provide(services(input)))
})

export const command = leaf("save", "Save a session as a cassette, to replay it in tests.", config, handle)
