/** `noukai auth`. */
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createInterface } from "node:readline"
import { Writable } from "node:stream"
import { connection, flag } from "../arguments/flags.js"
import * as Values from "../arguments/values.js"
import { CommandError, failed, wrong } from "../exit/CommandError.js"
import { exitCodes } from "../exit/exitCode.js"
import { answer } from "../settings/answer.js"
import * as Keys from "../settings/keys.js"
import * as Proxy from "../settings/proxy.js"
import * as Settings from "../settings/Settings.js"
import { hint } from "../terminal/shell.js"
import { Terminal } from "../terminal/Terminal.js"
import { type InputOf, leaf } from "./leaf.js"

const { baseUrl, env, envFile, port, profile } = connection

const config = {
  remove: flag("remove", "Remove the stored key."),
  profile,
  env,
  port,
  baseUrl,
  envFile
}

type Input = InputOf<typeof config>

/** Reads a line from the terminal without showing it. */
const typed: Effect.Effect<string> = Effect.acquireUseRelease(
  Effect.sync(() =>
    createInterface({ input: process.stdin, output: new Writable({ write: (_, __, done) => done() }), terminal: true })
  ),
  (lines) =>
    Effect.async<string>((resume) => {
      process.stderr.write("API key: ")
      lines.once("line", (line) => resume(Effect.succeed(line)))
      lines.once("close", () => resume(Effect.succeed("")))
      // Ctrl-C arrives as a character
      lines.once("SIGINT", () => process.kill(process.pid, "SIGINT"))
    }),
  (lines) =>
    Effect.sync(() => {
      process.stderr.write("\n")
      lines.close()
    })
)

/** Returns the owner of a key, if the server names one. */
const owner = (body: string): string =>
  Option.match(
    Schema.decodeUnknownOption(
      Schema.parseJson(Schema.Struct({ org: Schema.String, project: Schema.optional(Schema.NullOr(Schema.String)) }))
    )(body),
    {
      onNone: () => "",
      onSome: ({ org, project }) =>
        `, of the organisation ${org}${project == null ? "" : ` and the project ${project}`}`
    }
  )

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const profile = (yield* Values.when(input.profile, Values.profileName)) ?? "default"
  const named = profile === "default" ? "" : ` of the profile ${profile}`
  if (input.remove) {
    const was = Keys.remove(profile)
    return yield* terminal.note(was ? `removed the key${named}` : `there is no stored key${named}`)
  }
  const none = Option.none()
  const settings = (needs: Settings.Needs) =>
    Effect.provide(
      Settings.Settings,
      Settings.layer({ ...input, org: none, project: none, keyFile: none }, needs)
    )
  const { options, proxy } = yield* settings("new key")
  const key = (yield* (terminal.canAsk ? typed : Values.textOf("the key", "-"))).trim()
  if (key === "") return yield* wrong("no key was given: type it, or pipe it to this command")
  const { origin, prefix } = yield* NoukaiConfig.make({ ...options, apiKey: Redacted.make(key) })
  const through = proxy === undefined ? undefined : yield* Proxy.dispatcher(proxy)
  const read = yield* answer(new URL(`${origin}${prefix}/keys/verify`), { authorization: `Bearer ${key}` }, through)
    .pipe(Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => "no answer after 10 s" }), Effect.either)
  const status = Either.isRight(read) ? read.right.status : undefined
  if (status === 401 || status === 403) {
    return yield* new CommandError({
      code: exitCodes.notAllowed,
      message: `${origin} refuses this key (${status}): nothing was stored`
    })
  }
  const where = yield* Effect.try({
    try: () => Keys.store(profile, key),
    catch: (cause) => failed(`cannot store the key: ${Values.reason(cause)}`)
  })
  yield* terminal.note(`the key${named} is in ${where}`)
  const { keyFrom: used = where } = yield* Effect.orElseSucceed(settings("key"), () => ({ keyFrom: where }))
  if (used !== where) {
    yield* terminal.note(
      `commands here use ${
        used === "NOUKAI_API_KEY"
          ? "NOUKAI_API_KEY instead: unset it, or open a new terminal"
          : `${used}, instead: remove its keyFile`
      }`,
      "yellow"
    )
  }
  yield* terminal.note(
    Either.isRight(read) && read.right.status === 200
      ? `${origin} accepts it${owner(read.right.body)}`
      : `cannot tell whether ${origin} accepts it (${Either.isLeft(read) ? read.left : `it answers with ${status}`}): ${
        hint(input, "doctor")
      }`
  )
}, Effect.scoped)

export const command = leaf("auth", "Store an API key and check that the server accepts it.", config, handle)
