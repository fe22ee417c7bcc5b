/** A service that answers what it is given, and takes anything else for a mistake of the test. */
import { Effect, Stream } from "effect"
import {
  type CallDefaults,
  type HttpService,
  orElse,
  type Requests,
  type Streams
} from "../../src/internal/operations/operations.js"

const unused = () => Effect.dieMessage("not used")

const noStream = () => Stream.fromEffect(unused())

export const httpOf = (
  requests: Partial<Requests>,
  given: Partial<Streams> = {},
  defaults: CallDefaults = {}
): HttpService => {
  const streams: Streams = { step: noStream, traceStream: noStream, ...given }
  return {
    defaults,
    request: orElse(requests, unused),
    stream: (operation, input) => streams[operation](input)
  }
}
