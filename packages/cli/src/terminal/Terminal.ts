/**
 * The output of a command: the result on stdout, everything else on stderr. When the reader of stdout has closed it,
 * output is dropped without an error. This module escapes control characters and masks keys in all text.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { inspect } from "node:util"
import { variable } from "../settings/environment.js"
import { escaped, inPicture, inText, logged, plain } from "./text.js"

/** How much a command prints. */
export interface Voice {
  readonly quiet: boolean
  readonly verbose: boolean
}

export declare namespace Terminal {
  interface Service extends Voice {
    /**
     * Writes to stdout and waits for a slow reader. Servers of CI read no command in it, and it turns no text around. In a
     * terminal, control characters except tabs and newlines are escaped.
     */
    readonly write: (text: string) => Effect.Effect<void>
    /** Writes a file to stdout as {@link write} does. In a pipe it is exact. */
    readonly document: (text: string) => Effect.Effect<void>
    /** Writes a picture to stdout and keeps its colours. Its text must be safe already. */
    readonly draw: (picture: string) => Effect.Effect<void>
    /** Writes one line to stderr, unless `quiet`. The colour is used if stderr supports colours. */
    readonly note: (text: string, colour?: "red" | "yellow" | "dim") => Effect.Effect<void>
    /** Writes one line to stderr if `verbose` and not `quiet`. */
    readonly detail: (text: string) => Effect.Effect<void>
    /** Shows a line on stderr that the next one replaces. Does nothing outside a terminal. */
    readonly progress: (text: string) => Effect.Effect<void>
    /** Whether stderr is a terminal that shows progress. */
    readonly isWatched: boolean
    /** Whether stdout supports colours. */
    readonly hasColours: boolean
    /** The columns of stdout, or of stderr if only that is a terminal. Default: 80. */
    readonly width: () => number
    /** The columns of stdout. Default: 80. */
    readonly resultWidth: () => number
    /** Whether the command can ask a question. */
    readonly canAsk: boolean
    /** Completes when the reader of stdout has closed it. */
    readonly closed: Effect.Effect<void>
  }
}

export class Terminal extends Context.Tag("@effect-noukai/cli/terminal/Terminal")<Terminal, Terminal.Service>() {}

const isDumb = () => variable("TERM") === "dumb"

/** Whether a stream supports colours. No stream does if `NO_COLOR` is set and not empty. */
export const takesColours = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY === true && !isDumb() && variable("NO_COLOR") === undefined

const clear = "\r\u001b[2K"

const colours = { red: 31, yellow: 33, dim: 2 } as const

/** Creates a terminal. The scope clears its last line of progress. */
export const make = (voice: Voice): Effect.Effect<Terminal.Service, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { stderr, stdin, stdout } = process
    const closed = yield* Deferred.make<void>()
    let isClosed = false
    let shown = ""
    const close = () => {
      isClosed = true
      Deferred.unsafeDone(closed, Effect.void)
    }
    stdout.on("error", close)
    stderr.on("error", () => {})
    const isWatched = !voice.quiet && stderr.isTTY === true && !isDumb()

    const cleared = () => {
      if (shown !== "") stderr.write(clear)
      shown = ""
    }
    // also when a second signal ends the process
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("exit", cleared)),
      () =>
        Effect.sync(() => {
          process.off("exit", cleared)
          cleared()
        })
    )

    const line = (text: string, colour?: keyof typeof colours) =>
      Effect.sync(() => {
        const line = colour !== undefined && takesColours(stderr)
          ? `\u001b[${colours[colour]}m${plain(text)}\u001b[0m\n`
          : `${plain(text)}\n`
        stderr.write(isWatched && shown !== "" ? `${clear}${line}${shown}` : line)
      })

    const write = (text: string, unsafe: RegExp) =>
      Effect.async<void>((resume) => {
        if (isClosed || text === "") return resume(Effect.void)
        const show = shown
        if (show !== "" && stdout.isTTY) stderr.write(clear)
        // a terminal shows CRLF, which ends the lines of CSV, as a character
        stdout.write(stdout.isTTY ? escaped(text.replaceAll("\r\n", "\n"), unsafe) : text, () => resume(Effect.void))
        if (show !== "" && stdout.isTTY) stderr.write(show)
      })

    return {
      ...voice,
      isWatched,
      hasColours: takesColours(stdout),
      canAsk: stdin.isTTY === true && stderr.isTTY === true,
      closed: Deferred.await(closed),
      width: () => stdout.columns ?? stderr.columns ?? 80,
      resultWidth: () => stdout.columns ?? 80,
      write: (text) => write(logged(text), inText),
      draw: (picture) => write(logged(picture), inPicture),
      document: (text) => write(text, inText),
      note: (text, colour) => voice.quiet ? Effect.void : line(text, colour),
      detail: (text) => voice.verbose && !voice.quiet ? line(text) : Effect.void,
      progress: (text) =>
        !isWatched ? Effect.void : Effect.map(
          // to measure text takes a tenth of the start
          Effect.promise(() => import("./table.js")),
          ({ cut }) => {
            // a line that is wider than the terminal cannot be replaced
            const line = cut(plain(text), (stderr.columns ?? 80) - 1)
            if (line !== shown) stderr.write(clear + line)
            shown = line
          }
        )
    }
  })

/** Writes log lines to stderr, because stdout contains only the result. */
const logger = (terminal: Terminal.Service) =>
  Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ message }) => {
      const text = (Array.isArray(message) ? message : [message]).map((each) =>
        typeof each === "string" ? each : inspect(each)
      )
      Effect.runSync(terminal.note(`noukai: ${text.join(" ")}`))
    })
  )

export const layer = (voice: Voice): Layer.Layer<Terminal> =>
  Layer.unwrapScoped(
    Effect.map(make(voice), (terminal) => Layer.merge(Layer.succeed(Terminal, terminal), logger(terminal)))
  )
