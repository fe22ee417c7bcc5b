/** A thread in which JavaScript's own expressions run, because one that does not end can be stopped only from outside. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Worker } from "node:worker_threads"
import type { Answered } from "./linear.js"

type Answer = Answered[keyof Answered]

type Reply = { readonly answer: Answer } | { readonly problem: string }

/** The program of the thread: a text, so that it runs from source, from a package and from a bundle. */
const program = `
const { parentPort } = require("node:worker_threads")
parentPort.on("message", ({ kind, regex: { flags, source }, text }) => {
  try {
    // with g or y an expression remembers its last match
    const own = flags.replace(/[gy]/g, "")
    const regex = new RegExp(source, kind === "places" ? own + "g" : own)
    const answer = kind === "places"
      ? Array.from(text.matchAll(regex), ({ 0: { length }, index }) => [index, index + length])
      : regex.test(text)
    parentPort.postMessage({ answer })
  } catch (error) {
    parentPort.postMessage({ problem: String(error) })
  }
})
`

/** The time that an expression may take on a text. */
export const limit = Duration.seconds(1)

/** An expression was stopped. */
export interface Unanswered {
  /** Whether the limit was reached. */
  readonly isLate: boolean
  readonly problem: string
}

class Thread {
  private worker: Worker | undefined
  private reply: (reply: Reply) => void = () => {}
  private readonly turns = Effect.unsafeMakeSemaphore(1)

  /** Asks, in turn. The thread of a question that is late or interrupted is ended. */
  readonly ask = <K extends keyof Answered>(
    kind: K,
    regex: RegExp,
    text: string
  ): Effect.Effect<Answered[K], Unanswered> =>
    this.turns.withPermits(1)(Effect.zipRight(this.started, this.answer(kind, regex, text)))

  /** Starts a thread if there is none. Its start is not part of the time of a task. */
  private readonly started = Effect.async<void, Unanswered>((resume) => {
    if (this.worker !== undefined) return resume(Effect.void)
    // options of this process could load more than the program needs
    const worker = new Worker(program, { eval: true, execArgv: [], env: {} })
    this.worker = worker
    this.reply = () => {}
    worker.on("message", (reply: Reply) => {
      if (this.worker === worker) this.reply(reply)
    })
    worker.on("error", (error) => {
      if (this.worker !== worker) return
      this.worker = undefined
      this.reply({ problem: String(error) })
      resume(Effect.fail({ isLate: false, problem: String(error) }))
    })
    worker.once("online", () => resume(Effect.void))
    return this.end
  })

  private readonly end = Effect.suspend(() => {
    const { worker } = this
    this.worker = undefined
    return worker === undefined ? Effect.void : Effect.promise(() => worker.terminate())
  })

  private answer<K extends keyof Answered>(
    kind: K,
    { flags, source }: RegExp,
    text: string
  ): Effect.Effect<Answered[K], Unanswered> {
    return Effect.async<Answered[K], Unanswered>((resume) => {
      const { worker } = this
      this.reply = (reply) => {
        // an idle thread does not keep the process
        worker?.unref()
        resume(
          "answer" in reply
            ? Effect.succeed(reply.answer as Answered[K])
            : Effect.fail({ isLate: false, problem: reply.problem })
        )
      }
      worker?.ref()
      worker?.postMessage({ kind, regex: { flags, source }, text })
      return this.end
    }).pipe(
      Effect.timeoutFail({
        duration: limit,
        onTimeout: () => ({ isLate: true, problem: `it takes longer than ${Duration.format(limit)}` })
      }),
      // the thread knows nothing of another clock
      Effect.withClock(Clock.make())
    )
  }
}

/** The thread that all patterns of a process share. */
export class PatternThread extends Context.Reference<PatternThread>()("@effect-noukai/eval/PatternThread", {
  defaultValue: () => new Thread()
}) {}
