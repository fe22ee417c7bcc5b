/**
 * A client that uses what Effect has and no more: a schema on both sides, a timeout, a schedule of retries, a semaphore, and
 * undici's `dispatch`. It has no typed errors, spans, metrics or log.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { Dispatcher } from "undici"

const Input = Schema.Struct({
  message: Schema.String,
  parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") })
})

const Response = Schema.parseJson(Schema.Struct({
  status: Schema.Literal("completed"),
  result: Schema.Unknown,
  flowId: Schema.String,
  blockCount: Schema.Number,
  executionId: Schema.String,
  sessionId: Schema.String
}))

/** Sends a body, and gives the text of the response. */
const dispatched = (dispatcher: Dispatcher, request: Omit<Dispatcher.DispatchOptions, "body">, body: string) =>
  Effect.async<string, Error>((resume) => {
    const parts: Array<Uint8Array> = []
    dispatcher.dispatch({ ...request, body, headersTimeout: 0, bodyTimeout: 0 }, {
      onRequestStart: () => {},
      onResponseStart: () => {},
      onResponseData: (_, part) => void parts.push(part),
      onResponseEnd: () => resume(Effect.succeed(Buffer.concat(parts).toString())),
      onResponseError: (_, error) => resume(Effect.fail(error))
    })
  })

/** Executes a flow as such a client does. */
export const plainExecute = (
  dispatcher: Dispatcher,
  request: Omit<Dispatcher.DispatchOptions, "body">
): (input: unknown) => Effect.Effect<unknown, unknown> => {
  const semaphore = Effect.unsafeMakeSemaphore(100)
  const encode = Schema.encodeUnknown(Input)
  const decode = Schema.decode(Response)
  return Effect.fnUntraced(function*(input) {
    const body = JSON.stringify(yield* encode(input))
    const sent = Effect.timeoutFail(dispatched(dispatcher, request, body), {
      duration: "1 minute",
      onTimeout: () => new Error("no response within a minute")
    })
    return yield* decode(yield* Effect.retry(semaphore.withPermits(1)(sent), Schedule.recurs(2)))
  })
}
