/** `noukai dev`. */
import * as Emulator from "@effect-noukai/emulator/Emulator"
import type { RequestEntry } from "@effect-noukai/emulator/EmulatorLedger"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import * as String_ from "effect/String"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { randomBytes, randomInt } from "node:crypto"
import { constants } from "node:os"
import { flag, oneOf, optional, repeated, whole } from "../arguments/flags.js"
import * as Values from "../arguments/values.js"
import { CommandError, failed, reported } from "../exit/CommandError.js"
import { exitCodes } from "../exit/exitCode.js"
import { announced } from "../settings/devServers.js"
import { environmentWith, variable } from "../settings/environment.js"
import { time } from "../terminal/amounts.js"
import { hint } from "../terminal/shell.js"
import { Terminal } from "../terminal/Terminal.js"
import { type InputOf, leaf } from "./leaf.js"
import { ledgerFlags } from "./studio/flags.js"

const config = {
  flows: optional("flows", "Serve the flows of this file (samples)."),
  port: whole("port", "Listen on this port; 0 picks a free one (8080)."),
  capture: Options.optional(
    oneOf("capture", ["full", "redacted", "metadata_only", "off"], "Store payloads in this mode (full).")
  ),
  exec: optional("exec", "Run this command against the server; exit with its code."),
  webhooksAllow: repeated("webhooks-allow", "Send webhooks to this origin: http://127.0.0.1:8787. Repeatable."),
  noStudio: flag("no-studio", "Serve no page that shows the runs."),
  ...ledgerFlags
}

type Input = InputOf<typeof config>

/** The time in milliseconds until processes that were signalled are killed. */
const grace = 5000

const interval = 50

/** The exit code, as a shell reports it for a signal. */
const codeOf = (code: number | null, signal: NodeJS.Signals | null): number =>
  code ?? 128 + (signal === null ? 0 : constants.signals[signal])

/** Returns all processes and their parents. Without ps, only the command itself is known. */
const listed = (): string => spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).stdout ?? ""

/** Returns a process and its descendants. */
const tree = (pid: number): ReadonlyArray<number> => {
  const parents = listed().trim().split("\n").map((line) => line.trim().split(/\s+/).map(Number))
  const found = [pid]
  for (const above of found) {
    for (const [id, parent] of parents) if (parent === above && id !== undefined) found.push(id)
  }
  return found
}

/** Sends a signal. Returns the processes that exist. */
const signalled = (pids: ReadonlyArray<number>, signal: NodeJS.Signals | 0): ReadonlyArray<number> =>
  pids.filter((pid) => {
    try {
      return process.kill(pid, signal)
    } catch {
      return false
    }
  })

const isOver = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

/** Ends a command and its descendants. Kills those that ignore the signal. */
const ended = Effect.fnUntraced(function*(child: ChildProcess, isTerminated: boolean) {
  if (child.pid === undefined || isOver(child)) return
  const pids = tree(child.pid)
  if (isTerminated) signalled(pids, "SIGTERM")
  // a terminal has signalled them already
  else if (process.stdin.isTTY !== true) signalled(pids, "SIGINT")
  for (let waited = 0; waited < grace && signalled(pids, 0).length > 0; waited += interval) {
    yield* Effect.sleep(interval)
  }
  signalled(pids, "SIGKILL")
})

/** Runs a shell command and returns its exit code. An interruption ends the command. */
export const executed = (command: string, env: NodeJS.ProcessEnv) =>
  Effect.async<number, CommandError>((resume) => {
    const child = spawn(command, { shell: true, stdio: "inherit", env })
    // also when this process ends at once
    const kill = () => {
      if (child.pid !== undefined && !isOver(child)) signalled(tree(child.pid), "SIGKILL")
    }
    process.on("exit", kill)
    let isTerminated = false
    const terminate = () => {
      isTerminated = true
    }
    // runs before the listener that interrupts this effect
    process.prependListener("SIGTERM", terminate)
    child.on("error", (error) => resume(failed(`${command} could not be started: ${error.message}`)))
    child.on("close", (code, signal) => {
      process.off("exit", kill).off("SIGTERM", terminate)
      resume(Effect.succeed(codeOf(code, signal)))
    })
    return Effect.suspend(() => ended(child, isTerminated))
  })

/** The default port of the environment `dev`. */
const standardPort = 8080

/** Returns a line about a request: method, flow or path, status, run, duration, cost and problems. */
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

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  // the port that the SDK uses by default
  const port = yield* Values.port("--port", input.port, standardPort)
  const nonce = randomBytes(32).toString("base64url")
  const webhooks = {
    allow: input.webhooksAllow,
    secret: variable("NOUKAI_WEBHOOK_SECRET") ?? `whsec_${randomBytes(24).toString("hex")}`
  }
  let studio: string | undefined
  const runSync = Runtime.runSync(yield* Effect.runtime())
  const emulator = yield* Emulator.make({
    port,
    // a run of an earlier server is not found here
    seed: randomInt(2 ** 48 - 1),
    file: Option.getOrUndefined(input.flows),
    capture: Option.getOrUndefined(input.capture),
    webhooks,
    nonce,
    // every user of this machine can ask for it, so that it has no token
    home: () => studio === undefined ? undefined : new URL("/", studio).href,
    onRequest: (request) => runSync(terminal.note(lineOf(request), colourOf(request)))
  }).pipe(
    Effect.mapError(({ message, reason }) => {
      // a file may have several mistakes
      const [first = "", ...mistakes] = message.split("\n")
      return new CommandError({
        message: first.replace(/^webhooks\.allow\[\d+\]/, "--webhooks-allow"),
        ...reason === "PortInUse"
          ? { code: exitCodes.refused, advice: ["use another --port; 0 picks a free one"] }
          : { code: reason === "Listen" ? exitCodes.refused : exitCodes.usage, advice: mistakes.map(String_.trim) }
      })
    })
  )
  const environment: { readonly [name: string]: string } = {
    NOUKAI_ENV: "dev",
    ...emulator.port !== standardPort && { NOUKAI_PORT: String(emulator.port) },
    NOUKAI_API_KEY: Redacted.value(emulator.apiKey),
    ...webhooks.allow.length > 0 && { NOUKAI_WEBHOOK_SECRET: webhooks.secret }
  }
  // its programs would call another emulator, or none
  const portAdvice = emulator.port === standardPort
    ? ""
    : "A program does not read NOUKAI_PORT: give Noukai.layer or new Noukai the option port."
  if (Option.isSome(input.exec)) {
    if (portAdvice !== "") yield* terminal.note(portAdvice, "yellow")
    // these variables would name another server
    const code = yield* executed(input.exec.value, environmentWith(environment, ["NOUKAI_BASE_URL", "NOUKAI_PORT"]))
      .pipe(
        // a signal to both may be heard of after the end of the command
        Effect.zipLeft(Effect.sleep(interval))
      )
    // the command has printed its failure
    return yield* code === 0 ? Effect.void : reported(code)
  }
  yield* announced(emulator, nonce)
  const server = {
    env: Option.some("dev"),
    port: emulator.port === standardPort ? Option.none<number>() : Option.some(emulator.port)
  }
  const exports = Object.entries(environment).map(([name, value]) => `  export ${name}=${value}\n`).join("")
  if (!input.noStudio) {
    const { beside } = yield* Effect.promise(() => import("./studio/beside.js"))
    studio = yield* beside(emulator, input).pipe(
      Effect.map(({ url }) => url),
      Effect.catchTag(
        "StudioError",
        ({ message }) => Effect.as(terminal.note(`the studio is not served: ${message}`), undefined)
      )
    )
  }
  const refs = yield* emulator.flows
  const longest = Math.max(...refs.map((ref) => ref.length))
  yield* terminal.write(
    `Noukai runs at ${emulator.baseUrl} until Ctrl-C.\n` +
      (studio === undefined ? "" : `The studio shows its runs: ${studio}\n`) + `\n${exports}` +
      (portAdvice === "" ? "" : `\n${portAdvice}\n`) +
      // a sample flow
      (Option.isSome(input.flows) ? "" : `\n  ${hint(server, "run", ["noukai/samples/hello-world", "Hello"])}\n`) +
      `\nFlows:\n${refs.map((ref) => `  ${ref.padEnd(longest)}  ${emulator.baseUrl}/seq/${ref}\n`).join("")}\n`
  )
  return yield* Effect.never
}, Effect.scoped)

export const command = leaf("dev", "Run a free Noukai server on this machine, without a key.", config, handle)
