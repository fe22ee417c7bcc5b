/** Handles `noukai dev`. */
import * as Emulator from "@effect-noukai/emulator/Emulator"
import type { RequestEntry } from "@effect-noukai/emulator/EmulatorLedger"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import { CommandError } from "../../exit/CommandError.js"
import { exitCodes } from "../../exit/exitCode.js"
import { environmentWith } from "../../settings/environment.js"
import { time } from "../../terminal/amounts.js"
import { hint } from "../../terminal/shell.js"
import { Terminal } from "../../terminal/Terminal.js"
import type { Handle } from "../leaf.js"
import type { Input } from "./input.js"
import { executed } from "./processes.js"

/** The port where clients of the environment `dev` connect. */
const standardPort = 8080

/** Facts of a request in one line: method, flow or path, status, run, duration, cost, and anything out of order. */
const lineOf = (
  { billedUsd, endedAt, endpoint, executionId, fault, flow, method, outcome, receivedAt, status, target }: RequestEntry
): string =>
  [
    `${method} ${flow === undefined ? target.split("?", 1)[0] : `${flow} ${endpoint}`}`,
    status ?? "---",
    ...executionId === undefined ? [] : [executionId],
    time((endedAt ?? receivedAt) - receivedAt),
    ...billedUsd === undefined ? [] : [`$${billedUsd}`],
    ...fault === undefined ? [] : [`fault ${fault}`],
    ...outcome === "client" ? ["the client closed the connection"] : []
  ].join("  ")

const colourOf = ({ status = 0 }: RequestEntry) => status >= 500 ? "red" : status >= 400 ? "yellow" : undefined

export const handle: Handle<Input> = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  // where the SDK looks for it, unless it is told otherwise
  const port = Option.getOrElse(input.port, () => standardPort)
  if (port < 0 || port > 65_535) {
    return yield* new CommandError({
      code: exitCodes.usage,
      message: `--port must be from 0 to 65535, not ${port}`
    })
  }
  const runSync = Runtime.runSync(yield* Effect.runtime())
  const emulator = yield* Emulator.make({
    port,
    file: Option.getOrUndefined(input.flows),
    capture: Option.getOrUndefined(input.capture),
    onRequest: (request) => runSync(terminal.note(lineOf(request), colourOf(request)))
  }).pipe(
    Effect.mapError((error) =>
      new CommandError({
        message: error.message,
        ...error.reason === "PortInUse"
          ? { code: exitCodes.refused, advice: ["use another --port; 0 picks a free one"] }
          : { code: error.reason === "Listen" ? exitCodes.refused : exitCodes.usage }
      })
    )
  )
  const environment: { readonly [name: string]: string } = {
    ...emulator.port === standardPort
      ? { NOUKAI_ENV: "dev" }
      : { NOUKAI_ENV: "dev", NOUKAI_PORT: String(emulator.port) },
    NOUKAI_API_KEY: Redacted.value(emulator.apiKey)
  }
  if (Option.isSome(input.exec)) {
    // a server that was named outside is another one
    const code = yield* executed(input.exec.value, environmentWith(environment, ["NOUKAI_BASE_URL", "NOUKAI_PORT"]))
    // the command has said itself what was wrong
    return yield* code === 0 ? Effect.void : new CommandError({ code, message: "" })
  }
  const server = {
    env: Option.some("dev"),
    port: emulator.port === standardPort ? Option.none<number>() : Option.some(emulator.port)
  }
  const exports = Object.entries(environment).map(([name, value]) => `  export ${name}=${value}\n`).join("")
  const refs = yield* emulator.flows
  const longest = Math.max(...refs.map((ref) => ref.length))
  yield* terminal.write(
    `Noukai runs at ${emulator.baseUrl} until Ctrl-C.\n\n${exports}` +
      // one of the samples
      (Option.isSome(input.flows) ? "" : `\n  ${hint(server, "run", ["noukai/samples/hello-world", "Hello"])}\n`) +
      `\nFlows:\n${refs.map((ref) => `  ${ref.padEnd(longest)}  ${emulator.baseUrl}/seq/${ref}\n`).join("")}\n`
  )
  return yield* Effect.never
}, Effect.scoped)
