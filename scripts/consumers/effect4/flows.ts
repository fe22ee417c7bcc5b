import { Noukai, NoukaiError, type StreamEvent } from "@effect-noukai/promise"
import { Config, Context, Effect, Layer, Redacted, Schema, Stream } from "effect"

/** A call that failed. `error` is the error of the client, with its name, code and fields. */
export class FlowError extends Schema.TaggedError<FlowError>()("FlowError", { cause: Schema.Defect() }) {
  get error(): NoukaiError | undefined {
    return this.cause instanceof NoukaiError ? this.cause : undefined
  }
}

const failed = (cause: unknown) => new FlowError({ cause })

export class Flows extends Context.Service<Flows, {
  readonly execute: (flow: string, message: string) => Effect.Effect<unknown, FlowError>
  readonly events: (flow: string, message: string) => Stream.Stream<StreamEvent, FlowError>
}>()("Flows") {
  /** Reads NOUKAI_API_KEY. The client is closed with the layer. */
  static readonly layer = Layer.effect(
    Flows,
    Effect.gen(function*() {
      const apiKey = yield* Config.Redacted("NOUKAI_API_KEY")
      const noukai = yield* Effect.acquireRelease(
        Effect.sync(() => new Noukai({ apiKey: Redacted.value(apiKey) })),
        (noukai) => Effect.promise(() => noukai.close())
      )
      return {
        execute: (flow, message) =>
          Effect.tryPromise({
            try: async (signal) => { // an interruption aborts the request
              const run = await noukai.flow(flow).execute({ message, signal })
              if (run.status !== "completed") throw new Error(`The run is ${run.status}.`)
              return run.result
            },
            catch: failed
          }),
        events: (flow, message) => Stream.fromAsyncIterable(noukai.flow(flow).events({ message }), failed)
      }
    })
  )
}

const Graded = Schema.Struct({ score: Schema.Number })

export const grade = Effect.fn("grade")(function*(sentence: string) {
  const flows = yield* Flows
  const result = yield* flows.execute("acme/spelling/grade-3", sentence)
  return yield* Schema.decodeUnknownEffect(Graded)(result)
})
