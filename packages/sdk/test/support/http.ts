/** A service that answers what it is given, and takes anything else for a mistake of the test. */
import { Effect, Stream } from "effect"
import {
  type CallDefaults,
  type HttpService,
  orElse,
  type Requests,
  streaming,
  type Streams
} from "../../src/internal/operations/operations.js"

const unused = () => Effect.dieMessage("not used")

export const httpOf = (
  requests: Partial<Requests>,
  streams: Partial<Streams> = {},
  defaults: CallDefaults = {}
): HttpService => ({
  defaults,
  request: orElse(requests, unused),
  stream: streaming(streams, () => Stream.fromEffect(unused()))
})
