/**
 * The output of a command: its result to stdout, all else to stderr. A reader of stdout that has gone is nothing
 * wrong: what is written then is dropped.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { inspect, stripVTControlCharacters } from "node:util"
import { variable } from "../settings/environment.js"
import { cut } from "./width.js"

/** How much a command says. */
export interface Voice {
  readonly quiet: boolean
  readonly verbose: boolean
}

export declare namespace Terminal {
  interface Service extends Voice {
    /** Writes to stdout as it is. Waits while its reader is slower. */
    readonly write: (text: string) => Effect.Effect<void>
    /** Writes a line to stderr, unless all is to be quiet. */
    readonly note: (text: string) => Effect.Effect<void>
    /** Writes a line to stderr where more is to be said, and not all to be quiet. */
    readonly detail: (text: string) => Effect.Effect<void>
    /** Shows a line on stderr that the next one replaces. Only a terminal has it. */
    readonly progress: (text: string) => Effect.Effect<void>
    /** Whether somebody looks at stderr, and may be shown what passes. */
    readonly isWatched: boolean
    /** Whether stdout takes colours. */
    readonly hasColours: boolean
    /** The columns of stdout, or of stderr where only that is a terminal; 80 where neither is. */
    readonly width: () => number
    /** The columns of stdout; 80 where it is no terminal. */
    readonly resultWidth: () => number
    /** Whether somebody can be asked. */
    readonly canAsk: boolean
    /** Comes when nobody reads stdout any more. */
    readonly closed: Effect.Effect<void>
  }
}

export class Terminal extends Context.Tag("@effect-noukai/cli/terminal/Terminal")<Terminal, Terminal.Service>() {}

const isDumb = () => variable("TERM") === "dumb"

/** Whether a stream takes colours. `NO_COLOR` that is set and not empty says that none does. */
export const takesColours = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY === true && !isDumb() && variable("NO_COLOR") === undefined

/** Text without control characters that a server or a file could move the cursor with. */
export const plain = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "")

const clear = "\r\u001b[2K"

/** A terminal whose last line of progress is cleared with the scope. */
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

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (shown !== "") stderr.write(clear)
        shown = ""
      })
    )

    const line = (text: string) =>
      Effect.sync(() => {
        stderr.write(isWatched && shown !== "" ? `${clear}${text}\n${shown}` : `${text}\n`)
      })

    return {
      ...voice,
      isWatched,
      hasColours: takesColours(stdout),
      canAsk: stdin.isTTY === true && stderr.isTTY === true,
      closed: Deferred.await(closed),
      width: () => stdout.columns ?? stderr.columns ?? 80,
      resultWidth: () => stdout.columns ?? 80,
      write: (text) =>
        Effect.async<void>((resume) => {
          if (isClosed || text === "") return resume(Effect.void)
          const show = shown
          if (show !== "" && stdout.isTTY) stderr.write(clear)
          stdout.write(text, () => resume(Effect.void))
          if (show !== "" && stdout.isTTY) stderr.write(show)
        }),
      note: (text) => voice.quiet ? Effect.void : line(text),
      detail: (text) => voice.verbose && !voice.quiet ? line(text) : Effect.void,
      progress: (text) =>
        Effect.sync(() => {
          if (!isWatched || text === shown) return
          // a line that is longer than the terminal could not be replaced
          shown = cut(text, (stderr.columns ?? 80) - 1)
          stderr.write(clear + shown)
        })
    }
  })

/** Writes log lines to stderr: stdout has the result alone. */
const logger = (terminal: Terminal.Service) =>
  Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ message }) => {
      const text = (Array.isArray(message) ? message : [message]).map((each) =>
        typeof each === "string" ? each : inspect(each)
      )
      Effect.runSync(terminal.note(`noukai: ${plain(text.join(" "))}`))
    })
  )

export const layer = (voice: Voice): Layer.Layer<Terminal> =>
  Layer.unwrapScoped(
    Effect.map(make(voice), (terminal) => Layer.merge(Layer.succeed(Terminal, terminal), logger(terminal)))
  )
