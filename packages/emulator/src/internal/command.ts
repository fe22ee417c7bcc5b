/**
 * The command `noukai-emulator`: arguments in, a server until a signal.
 *
 * @internal
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { parseArgs } from "node:util"
import type { EmulatorOptions, StreamOutputs } from "../EmulatorOptions.js"
import { jsonSchema } from "../FlowFile.js"
import { errorText } from "./errorText.js"
import { serve } from "./serve.js"
import { isLoopback } from "./server/loopback.js"

const usage = `noukai-emulator [--port 8080] [--flows FILE] [--host 127.0.0.1] [--seed 1]
                [--stream-outputs hosted|documented] [--legacy-fields]

  --port           where to listen; 0 is any free port (default 8080)
  --flows          a flows file (default: the sample flows)
  --host           the address to listen on (default 127.0.0.1: nobody else can call)
  --seed           what ids and dice are drawn from (default 1)
  --stream-outputs where streams carry outputs: as the hosted server, or as its documentation says (default hosted)
  --legacy-fields  also send what older servers sent
  --schema         print the JSON Schema of a flows file
  --help           this text
`

interface Arguments {
  readonly help: boolean
  readonly schema: boolean
  readonly options: EmulatorOptions
}

const wholeNumber = (name: string, text: string, most: number): Either.Either<number, string> =>
  /^\d+$/.test(text) && Number(text) <= most
    ? Either.right(Number(text))
    : Either.left(`--${name} takes a whole number up to ${most}, not "${text}"`)

const streamOutputs: ReadonlyArray<StreamOutputs> = ["hosted", "documented"]

const oneOf = <A extends string>(name: string, text: string, values: ReadonlyArray<A>): Either.Either<A, string> =>
  Either.fromNullable(
    values.find((value) => value === text),
    () => `--${name} takes ${values.join(" or ")}, not "${text}"`
  )

const parseArguments = (args: ReadonlyArray<string>): Either.Either<Arguments, string> =>
  Either.gen(function*() {
    const { values } = yield* Either.try({
      try: () =>
        parseArgs({
          args: [...args],
          options: {
            port: { type: "string", default: "8080" },
            flows: { type: "string" },
            host: { type: "string" },
            seed: { type: "string", default: "1" },
            "stream-outputs": { type: "string", default: "hosted" },
            "legacy-fields": { type: "boolean", default: false },
            schema: { type: "boolean", default: false },
            help: { type: "boolean", default: false }
          }
        }),
      catch: errorText
    })
    return {
      help: values.help,
      schema: values.schema,
      options: {
        port: yield* wholeNumber("port", values.port, 65_535),
        seed: yield* wholeNumber("seed", values.seed, Number.MAX_SAFE_INTEGER),
        file: values.flows,
        host: values.host,
        streamOutputs: yield* oneOf("stream-outputs", values["stream-outputs"], streamOutputs),
        legacyFields: values["legacy-fields"]
      }
    }
  })

const print = (text: string) => Effect.sync(() => process.stdout.write(`${text}\n`))

const complain = (text: string) =>
  Effect.sync(() => {
    process.stderr.write(`noukai-emulator: ${text}\n`)
    process.exitCode = 1
  })

const run = (options: EmulatorOptions): Effect.Effect<void> =>
  Effect.gen(function*() {
    const emulator = yield* serve(options)
    yield* print(`Noukai emulator listens at ${emulator.url}`)
    yield* print(`  API      ${emulator.baseUrl}`)
    yield* print(`  API key  ${Redacted.value(emulator.apiKey)}`)
    if (options.host !== undefined && !isLoopback(options.host)) {
      yield* print(`  Others can reach it: ${options.host} is no loopback address.`)
    }
    return yield* Effect.never
  }).pipe(
    Effect.scoped,
    Effect.catchAll((error) => complain(error.message))
  )

/** Runs until SIGINT or SIGTERM, then closes every connection. @internal */
export const main = (args: ReadonlyArray<string>): void => {
  const parsed = parseArguments(args)
  if (Either.isLeft(parsed)) NodeRuntime.runMain(complain(`${parsed.left}\n\n${usage}`))
  else if (parsed.right.help) NodeRuntime.runMain(print(usage))
  else if (parsed.right.schema) NodeRuntime.runMain(print(JSON.stringify(jsonSchema(), undefined, 2)))
  else {
    NodeRuntime.runMain(run(parsed.right.options), {
      // after a signal the process ends well: it did what it was asked
      teardown: (_exit, onExit) => onExit(Number(process.exitCode ?? 0))
    })
  }
}
