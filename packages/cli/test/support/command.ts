/** The command in a process of its own, over pipes or in a terminal; and in this process, where only its words count. */
import * as Pty from "@lydell/node-pty"
import { Deferred, Effect, Fiber, type Scope } from "effect"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Duplex, Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { FastClock } from "../../../sdk/test/support/clock.js"
import { isWhole } from "../../../sdk/test/support/size.js"
import { answered } from "../../src/answered.js"
import { checked, wantsJson } from "../../src/arguments/grammar.js"
import { grammar } from "../../src/commands/grammar.js"
import { CommandError } from "../../src/exit/CommandError.js"
import { codeOf, run } from "../../src/program.js"

export const bin = fileURLToPath(new URL("../../build/tested/bin/noukai.cjs", import.meta.url))

export interface Options {
  /** Variables over an environment that has nothing of Noukai's. */
  readonly env?: { readonly [name: string]: string }
  readonly cwd?: string
  /** The text that stdin holds; none unless given. */
  readonly input?: string
  /** Whether stdin stays open. */
  readonly keepsStdin?: boolean
  /** Whether it waits for less in this process, where it waits for nothing but its own clock. */
  readonly hurries?: boolean
}

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The state folder of a test file. In a shared one, commands would find the `noukai dev` of other test files. */
const stateFolder = join(process.env.XDG_STATE_HOME ?? tmpdir(), randomUUID())

/** The environment of the tests without what would lead a command elsewhere. */
const environment = (given: Options["env"] = {}): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || /^(NOUKAI_|NO_COLOR$|FORCE_COLOR$|TERM$|CI$|COLUMNS$)/.test(name) ? [] : [[name, value]]
    )
  ),
  XDG_STATE_HOME: stateFolder,
  ...given
})

/** A command that goes on. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Effect.Effect<Ended>
  /** Waits until stdout or stderr has a text. Dies with what there is when the command ends before. */
  readonly awaitOutput: (text: string | RegExp) => Effect.Effect<void>
}

const has = (output: string, text: string | RegExp): boolean =>
  typeof text === "string" ? output.includes(text) : text.test(output)

/** Waits for a text in what grows. */
const waiting = (output: () => string, listeners: Set<() => void>, isEnded: () => boolean) => (text: string | RegExp) =>
  Effect.async<void>((resume) => {
    const look = () => {
      if (has(output(), text)) resume(Effect.void)
      else if (isEnded()) resume(Effect.dieMessage(`the command ended without ${String(text)}:\n${output()}`))
    }
    listeners.add(look)
    look()
    return Effect.sync(() => void listeners.delete(look))
  })

/** Starts a command over pipes; it is killed with the scope. Its folder has no `noukai.json` above it. */
export const started = (
  args: ReadonlyArray<string>,
  options: Options = {}
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.gen(function*() {
    const end = yield* Deferred.make<Ended>()
    const listeners = new Set<() => void>()
    let [stdout, stderr, isEnded] = ["", "", false]
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [bin, ...args], { cwd: options.cwd ?? tmpdir(), env: environment(options.env) })
      ),
      (child) => Effect.zipRight(Effect.sync(() => child.kill("SIGKILL")), Deferred.await(end))
    )
    const heard = () => listeners.forEach((listener) => listener())
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      heard()
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
      heard()
    })
    child.stdin.on("error", () => {})
    if (options.keepsStdin !== true) child.stdin.end(options.input ?? "")
    child.on("close", (code, signal) => {
      isEnded = true
      Deferred.unsafeDone(end, Effect.succeed({ code: code ?? (signal === null ? -1 : -2), stdout, stderr }))
      heard()
    })
    return {
      child,
      ended: Deferred.await(end),
      awaitOutput: waiting(() => stdout + stderr, listeners, () => isEnded)
    }
  })

/** Runs a command to its end in a process of its own. */
export const spawned = (args: ReadonlyArray<string>, options: Options = {}): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(started(args, options), ({ ended }) => ended))

/** The turn of a command in the process, of which there is one. */
const turn = Effect.unsafeMakeSemaphore(1)

/** Puts values into the process, and gives what puts back those that were there. */
const replaced = (values: Partial<Record<keyof NodeJS.Process, unknown>>): () => void => {
  const before = Object.keys(values).map((name) => [name, Object.getOwnPropertyDescriptor(process, name)!] as const)
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(process, name, { value, configurable: true, enumerable: true, writable: true })
  }
  return () => before.forEach(([name, property]) => Object.defineProperty(process, name, property))
}

/** Puts a command's environment, folder and streams into the process until the scope ends. */
const placed = (
  { cwd = tmpdir(), env }: Options,
  streams: Pick<Partial<Record<keyof NodeJS.Process, unknown>>, "stdin" | "stdout" | "stderr">
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.zipRight(
    Effect.acquireRelease(turn.take(1), () => turn.release(1)),
    Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        const folder = process.cwd()
        process.chdir(cwd)
        return { folder, restore: replaced({ env: environment(env), ...streams }) }
      }),
      ({ folder, restore }) =>
        Effect.sync(() => {
          restore()
          process.chdir(folder)
        })
    ))
  )

/** A command over the streams, the environment and the folder of this process. */
const program = (args: ReadonlyArray<string>): ReturnType<typeof run> =>
  Effect.suspend(() => {
    const asked = checked(grammar, args)
    const code = answered(grammar, asked, wantsJson(args))
    if (code === 0) return Effect.void
    return code === undefined && asked._tag === "command"
      ? run(asked.args)
      : new CommandError({ code: code ?? 2, message: "" })
  })

const inThisProcess = (args: ReadonlyArray<string>, options: Options): Effect.Effect<Ended> =>
  Effect.scoped(Effect.gen(function*() {
    const { input = "" } = options
    const written = { stdout: "", stderr: "" }
    const stream = (name: keyof typeof written) =>
      new Writable({
        decodeStrings: false,
        write(text: string | Uint8Array, _, done) {
          written[name] += typeof text === "string" ? text : Buffer.from(text).toString()
          done()
        }
      })
    yield* placed(options, {
      stdin: Readable.from(input === "" ? [] : [Buffer.from(input)], { objectMode: false }),
      stdout: stream("stdout"),
      stderr: stream("stderr")
    })
    const command = options.hurries === true ? Effect.withClock(program(args), new FastClock(20)) : program(args)
    const exit = yield* Effect.promise((signal) => Effect.runPromiseExit(command, { signal }))
    return { code: codeOf(exit, wantsJson(args)), ...written }
  }))

/**
 * Runs a command to its end: in this process, since starting one takes longer than most of what is tested. In
 * `npm run test:whole` it is {@link spawned}.
 */
export const noukai = (args: ReadonlyArray<string>, options: Options = {}): Effect.Effect<Ended> =>
  isWhole ? spawned(args, options) : inThisProcess(args, options)

/** The code of a line of the shell, where `noukai` is the command, and what it wrote to stderr. */
export const shell = (line: string, env: { readonly [name: string]: string } = {}) =>
  Effect.async<readonly [number, string]>((resume) => {
    const command = `noukai() { "${process.execPath}" "${bin}" "$@"; }; set -o pipefail; ${line}`
    execFile(
      "bash",
      ["-c", command],
      { env: environment(env) },
      (error, _, stderr) => resume(Effect.succeed([error === null ? 0 : Number(error.code), stderr]))
    )
  })

export interface Window {
  readonly columns?: number
  readonly rows?: number
}

/** A command in a terminal. */
export interface InTerminal {
  readonly pty: Pty.IPty
  /** All that the terminal was sent, control characters included. */
  readonly output: () => string
  readonly awaitOutput: (text: string | RegExp) => Effect.Effect<void>
  readonly type: (text: string) => Effect.Effect<void>
  readonly resize: (columns: number) => Effect.Effect<void>
  readonly code: Effect.Effect<number>
}

/** Lets a terminal be read to its end. 200 ms after the process has ended it would give up, which is little on a busy machine. */
const patient = (pty: Pty.IPty): Pty.IPty => {
  const socket: Duplex = Reflect.get(pty, "_socket")
  const destroy = socket.destroy.bind(socket)
  // it throws what nobody hears: keys that are typed when the process has just ended
  socket.on("error", () => {})
  socket.destroy = (error) => {
    if (error === undefined) setTimeout(destroy, 10_000).unref()
    else destroy(error)
    return socket
  }
  return pty
}

/** Ctrl-C. */
export const ctrlC = "\u0003"

/** Starts a command in a terminal; it is killed with the scope. */
export const inTerminal = (
  args: ReadonlyArray<string>,
  { columns = 80, cwd, env, rows = 24 }: Omit<Options, "input"> & Window = {}
): Effect.Effect<InTerminal, never, Scope.Scope> =>
  Effect.gen(function*() {
    const end = yield* Deferred.make<number>()
    const listeners = new Set<() => void>()
    let [output, isEnded] = ["", false]
    const pty = yield* Effect.acquireRelease(
      Effect.sync(() =>
        patient(Pty.spawn(process.execPath, [bin, ...args], {
          cols: columns,
          rows,
          cwd: cwd ?? tmpdir(),
          env: environment({ TERM: "xterm-256color", ...env })
        }))
      ),
      (pty) =>
        Effect.zipRight(
          Effect.sync(() => {
            if (!isEnded) pty.kill("SIGKILL")
          }),
          Deferred.await(end)
        )
    )
    const heard = () => listeners.forEach((listener) => listener())
    pty.onData((text) => {
      output += text
      heard()
    })
    pty.onExit(({ exitCode }) => {
      isEnded = true
      Deferred.unsafeDone(end, Effect.succeed(exitCode))
      heard()
    })
    return {
      pty,
      output: () => output,
      awaitOutput: waiting(() => output, listeners, () => isEnded),
      type: (text) => Effect.sync(() => pty.write(text)),
      resize: (columns) => Effect.sync(() => pty.resize(columns, rows)),
      code: Deferred.await(end)
    }
  })

/** A command that somebody looks at, and may end with Ctrl-C. */
export type Watched = Pick<InTerminal, "output" | "awaitOutput" | "type" | "code">

/**
 * A command as {@link inTerminal}, of which only what it shows and its end at Ctrl-C count: in this process, as
 * {@link noukai}, with streams that are terminals. No other command runs in this process before the scope ends.
 */
export const watched = (
  args: ReadonlyArray<string>,
  options: Omit<Options, "input"> & Window = {}
): Effect.Effect<Watched, never, Scope.Scope> => isWhole ? inTerminal(args, options) : watchedHere(args, options)

const watchedHere = (
  args: ReadonlyArray<string>,
  { columns = 80, rows = 24, ...options }: Omit<Options, "input"> & Window
): Effect.Effect<Watched, never, Scope.Scope> =>
  Effect.gen(function*() {
    const end = yield* Deferred.make<number>()
    const listeners = new Set<() => void>()
    let [output, isEnded] = ["", false]
    const heard = () => listeners.forEach((listener) => listener())
    const stream = () =>
      Object.assign(
        new Writable({
          decodeStrings: false,
          write(text: string | Uint8Array, _, done) {
            output += (typeof text === "string" ? text : Buffer.from(text).toString()).replaceAll("\n", "\r\n")
            heard()
            done()
          }
        }),
        { isTTY: true, columns, rows }
      )
    yield* placed({ ...options, env: { TERM: "xterm-256color", ...options.env } }, {
      stdin: Object.assign(Readable.from([], { objectMode: false }), { isTTY: true }),
      stdout: stream(),
      stderr: stream()
    })
    const fiber = yield* Effect.acquireRelease(Effect.sync(() => Effect.runFork(program(args))), Fiber.interrupt)
    fiber.addObserver((exit) => {
      isEnded = true
      Deferred.unsafeDone(end, Effect.succeed(codeOf(exit, wantsJson(args))))
      heard()
    })
    return {
      output: () => output,
      awaitOutput: waiting(() => output, listeners, () => isEnded),
      type: (text) => text === ctrlC ? Fiber.interruptFork(fiber) : Effect.dieMessage("it takes Ctrl-C alone"),
      code: Deferred.await(end)
    }
  })
