/** The command `noukai-emulator`. Parses its arguments and serves until a signal. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { EmulatorOptions } from "../EmulatorOptions.js"
import { jsonSchema } from "../FlowFile.js"
import { parseArguments, usage } from "./flags.js"
import { serve } from "./serve.js"
import { isLoopback } from "./server/trustedCaller.js"

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
      yield* print(`  Others can reach it: ${options.host} is not a loopback address.`)
    }
    return yield* Effect.never
  }).pipe(
    Effect.scoped,
    Effect.catchAll((error) => complain(error.message))
  )

/** Runs until SIGINT or SIGTERM, then closes every connection. */
export const main = (args: ReadonlyArray<string>): void => {
  const parsed = parseArguments(args)
  if (Either.isLeft(parsed)) NodeRuntime.runMain(complain(`${parsed.left}\n\n${usage}`))
  else if (parsed.right.help) NodeRuntime.runMain(print(usage))
  else if (parsed.right.schema) NodeRuntime.runMain(print(JSON.stringify(jsonSchema(), undefined, 2)))
  else {
    NodeRuntime.runMain(run(parsed.right.options), {
      // a signal is the normal end of the process, so its exit code is 0
      teardown: (_exit, onExit) => onExit(Number(process.exitCode ?? 0))
    })
  }
}
