/** Calls of the Promise client as effects and streams. */
import type { CallContext, CallSignal } from "@effect-noukai/promise/runtime"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { Failures } from "./failures.js"
import { CodeFailure, failureOf } from "./rejection.js"
import { CallTracer } from "./spans.js"
import { CurrentBudgets, scopeOf } from "./surroundings.js"

/** The interruption of a call. An `AbortController` takes a tenth of the time of a whole call. */
export class Interruption implements CallSignal {
  aborted = false
  readonly reason = undefined
  private readonly listeners = new Set<() => void>()

  addEventListener(_: "abort", listener: () => void): void {
    this.listeners.add(listener)
  }

  removeEventListener(_: "abort", listener: () => void): void {
    this.listeners.delete(listener)
  }

  abort(): void {
    this.aborted = true
    for (const listener of [...this.listeners]) listener()
  }
}

/** The code of the caller in one call: its tools and hooks. */
export class Code<R = never> {
  private readonly fibers = new Map<Fiber.Fiber<unknown, unknown>, Promise<void>>()

  constructor(
    private readonly context: Context.Context<R>,
    private readonly tracer: CallTracer | undefined,
    private readonly signal: CallSignal
  ) {}

  /** Runs an effect until it ends or a signal aborts. Rejects with a `CodeFailure`. */
  run<A, E>(effect: Effect.Effect<A, E, R>, signal: CallSignal = this.signal): Promise<A> {
    const span = this.tracer?.current
    const context = span === undefined ? this.context : Context.add(this.context, Tracer.ParentSpan, span)
    const fiber = Effect.runForkWith(context)(effect)
    const interrupt = () => fiber.interruptUnsafe()
    if (signal.aborted) interrupt()
    else signal.addEventListener("abort", interrupt)
    const ended = new Promise<Exit.Exit<A, E>>((resolve) => {
      fiber.addObserver((exit) => {
        signal.removeEventListener("abort", interrupt)
        this.fibers.delete(fiber)
        resolve(exit)
      })
    })
    if (fiber.pollUnsafe() === undefined) this.fibers.set(fiber, ended.then(() => {}))
    return ended.then((exit) => {
      if (Exit.isSuccess(exit)) return exit.value
      throw new CodeFailure(exit.cause)
    })
  }

  /** Waits until all code has ended, with its finalizers. Returns nothing if it has. */
  ended(): Promise<unknown> | undefined {
    return this.fibers.size === 0 ? undefined : Promise.all(this.fibers.values())
  }
}

interface Begun<R> {
  readonly signal: Interruption
  readonly code: Code<R>
  readonly context: CallContext
}

const begin = <R>(context: Context.Context<R>): Begun<R> => {
  const signal = new Interruption()
  const tracer = CallTracer.of(context)
  return {
    signal,
    code: new Code(context, tracer, signal),
    context: { signal, tracer, scope: scopeOf(context), budgets: Context.get(context, CurrentBudgets) }
  }
}

/** Returns the end of a call and of the code of the caller. */
const endOf = async <A, E, R>(
  failures: Failures<E>,
  { code, context }: Begun<R>,
  make: (context: CallContext, code: Code<R>) => Promise<A>
): Promise<Exit.Exit<A, E>> => {
  let exit: Exit.Exit<A, E>
  try {
    exit = Exit.succeed(await make(context, code))
  } catch (error) {
    exit = Exit.failCause(failureOf(failures, error))
  }
  // code that runs beside a failed tool ends, too
  await code.ended()
  return exit
}

/**
 * Makes a call. Interruption aborts its signal, and waits for the end of the call and of the code of the caller. The
 * call has the services, the scope, the budgets and the tracer of the fiber.
 */
export const call = <A, E, R = never>(
  failures: Failures<E>,
  make: (context: CallContext, code: Code<R>) => Promise<A>
): Effect.Effect<A, E, R> =>
  Effect.contextWith((services: Context.Context<R>) =>
    Effect.callback<A, E>((resume) => {
      const begun = begin(services)
      const end = endOf(failures, begun, make)
      void end.then(resume)
      return Effect.promise(() => {
        begun.signal.abort()
        return end
      })
    })
  )

/** Runs code of the Promise client that throws. */
export const attempt = <A, E>(failures: Failures<E>, make: () => A): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(make())
    } catch (error) {
      return Effect.failCause(failureOf(failures, error))
    }
  })

/** One reading of a stream. */
class Reading<A, B, E, R> {
  private readonly iterator: AsyncIterator<A>
  private isOver = false

  constructor(
    private readonly failures: Failures<E>,
    private readonly begun: Begun<R>,
    make: Open<A, R>,
    private readonly translate: (value: A) => Effect.Effect<B, E, R>
  ) {
    this.iterator = make(begun.context, begun.code)[Symbol.asyncIterator]()
  }

  readonly pull: Pull.Pull<readonly [B], E, void, R> = Effect.callback<readonly [B], E | Cause.Done<void>, R>(
    (resume) => {
      this.iterator.next().then(
        (next) => {
          this.isOver = next.done === true
          resume(next.done === true ? Cause.done() : Effect.map(this.translate(next.value), (value) => [value]))
        },
        async (error: unknown) => {
          this.isOver = true
          await this.begun.code.ended()
          resume(Effect.failCause(failureOf(this.failures, error)))
        }
      )
    }
  )

  /** Closes the connection, unless the stream has ended, and waits for the code of the caller. */
  readonly close: Effect.Effect<void> = Effect.promise(async () => {
    if (!this.isOver) {
      this.begun.signal.abort()
      await this.iterator.return?.()
    }
    await this.begun.code.ended()
  })
}

/** Opens a stream of the Promise client. */
export type Open<A, R> = (context: CallContext, code: Code<R>) => AsyncIterable<A>

/**
 * Reads a stream, one element per pull. Its end, early or not, closes the connection and waits for the code of the
 * caller.
 */
export const stream = <A, B, E, R = never>(
  failures: Failures<E>,
  open: Effect.Effect<Open<A, R>, E, R>,
  translate: (value: A) => Effect.Effect<B, E, R>
): Stream.Stream<B, E, R> =>
  Stream.unwrap(Effect.flatMap(open, (open) =>
    Effect.contextWith((services: Context.Context<R>) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => new Reading(failures, begin(services), open, translate)),
          ({ close }) => close
        ),
        ({ pull }) => Stream.fromPull(Effect.succeed(pull))
      )
    )))
