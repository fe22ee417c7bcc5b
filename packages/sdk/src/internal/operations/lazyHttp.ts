/**
 * A seam that is built when something is first asked of it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AuthenticationError, InvalidRequestError } from "../../NoukaiError.js"
import type { Defaults, HttpService } from "./httpService.js"

/** @internal */
export const make = (
  defaults: Defaults,
  build: Effect.Effect<HttpService, AuthenticationError | InvalidRequestError>
): HttpService => ({
  defaults,
  execute: (request) => Effect.flatMap(build, (http) => http.execute(tagged(request, http))),
  step: (request) => Stream.unwrap(Effect.map(build, (http) => http.step(tagged(request, http)))),
  submitJob: (request) => Effect.flatMap(build, (http) => http.submitJob(tagged(request, http))),
  pollJob: (request) => Effect.flatMap(build, (http) => http.pollJob(request)),
  trace: (request) => Effect.flatMap(build, (http) => http.trace(request)),
  stepTrace: (request) => Effect.flatMap(build, (http) => http.stepTrace(request)),
  traceStream: (request) => Stream.unwrap(Effect.map(build, (http) => http.traceStream(request))),
  runSummary: (request) => Effect.flatMap(build, (http) => http.runSummary(request)),
  runList: (request) => Effect.flatMap(build, (http) => http.runList(request)),
  session: (request) => Effect.flatMap(build, (http) => http.session(request))
})

/** What the client would have added, had it been there when the call began. */
const tagged = <R extends { readonly sessionId: string | undefined }>(request: R, http: HttpService): R => ({
  ...request,
  sessionId: request.sessionId ?? http.defaults.sessionId
})
