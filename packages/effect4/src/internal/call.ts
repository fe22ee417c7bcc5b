/** Calls of the Promise client as effects and streams. */
import type { CallContext } from "@effect-noukai/promise/runtime"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { Failures } from "./failures.js"
import { CodeFailure, failureOf } from "./rejection.js"
import { CallTracer } from "./spans.js"
import { CurrentBudgets, scopeOf } from "./surroundings.js"

/** The code of the caller in one call: its tools and hooks. */
export class Code<R = never> {
  private readonly fibers = new Map<Fiber.Fiber<unknown, unknown>, Promise<void>>()

  constructor(
    private readonly context: Context.Context<R>,
    private readonly tracer: CallTracer | undefined,
    private readonly signal: AbortSignal
  ) {}

  /** Runs an effect until it ends or a signal aborts. Rejects with a `CodeFailure`. */
  run<A, E>(effect: Effect.Effect<A, E, R>, signal: AbortSignal = this.signal): Promise<A> {
    const span = this.tracer?.current
    const context = span === undefined ? this.context : Context.add(this.context, Tracer.ParentSpan, span)
    const fiber = Effect.runForkWith(context)(effect, { signal })
    const ended = new Promise<Exit.Exit<A, E>>((resolve) => {
      fiber.addObserver((exit) => {
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
  readonly controller: AbortController
  readonly code: Code<R>
  readonly context: CallContext
}

const begin = <R>(context: Context.Context<R>): Begun<R> => {
  const controller = new AbortController()
  const { signal } = controller
  const tracer = CallTracer.of(context)
  return {
    controller,
    code: new Code(context, tracer, signal),
    context: { signal, tracer, scope: scopeOf(context), budgets: Context.get(context, CurrentBudgets) }
  }
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
      const { code, context, controller } = begin(services)
      const settled = made(() => make(context, code)).then(
        (value) => Effect.succeed(value),
        (error) => Effect.failCause(failureOf(failures, error))
      ).then(async (exit) => {
        // code that runs beside a failed tool ends, too
        await code.ended()
        resume(exit)
      })
      return Effect.promise(() => {
        controller.abort()
        return settled
      })
    })
  )

const made = async <A>(make: () => Promise<A>): Promise<A> => make()

/** Runs code of the Promise client that throws. */
export const attempt = <A, E>(failures: Failures<E>, make: () => A): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(make())
    } catch (error) {
      return Effect.failCause(failureOf(failures, error))
    }
  })

/**
 * Reads a stream, one element per pull. Its end, early or not, closes the connection and waits for the code of the
 * caller.
 */
export const stream = <A, E, R = never>(
  failures: Failures<E>,
  make: (context: CallContext, code: Code<R>) => AsyncIterable<A>
): Stream.Stream<A, E, R> =>
  Stream.unwrap(Effect.contextWith((services: Context.Context<R>) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const { code, context, controller } = begin(services)
          const iterator = make(context, code)[Symbol.asyncIterator]()
          return { code, controller, iterator }
        }),
        ({ code, controller, iterator }) =>
          Effect.promise(async () => {
            controller.abort()
            await iterator.return?.()
            await code.ended()
          })
      ),
      ({ code, iterator }) => {
        const pull = Effect.callback<readonly [A], E | Cause.Done<void>>((resume) => {
          iterator.next().then(
            (next) => resume(next.done === true ? Cause.done() : Effect.succeed([next.value])),
            async (error: unknown) => {
              await code.ended()
              resume(Effect.failCause(failureOf(failures, error)))
            }
          )
        })
        return Stream.fromPull(Effect.succeed(pull))
      }
    )
  ))
