/** The endpoints of new runs. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { InvalidRun, type RunForm, RunRequest } from "../RunAgainApi.js"
import { NotFound } from "../RunsApi.js"
import { StudioApi } from "../StudioApi.js"
import type { StudioRunner } from "../StudioRunner.js"
import { StudioSource } from "../StudioSource.js"
import { jsonResponse } from "./jsonResponse.js"
import { formOf } from "./runForm.js"
import * as Starts from "./starts.js"
import type { Mask } from "./text.js"

const whyNot = "This studio starts no runs: it only reads. Copy the command, and run it in a terminal."

const noRunner: Starts.Starts = {
  begin: () => new InvalidRun({ message: whyNot }),
  outcome: () => new NotFound({ message: whyNot })
}

const decode = Schema.decodeUnknownEither(RunRequest)

/** The first fault of a request, with its place. */
const faultOf = (error: ParseResult.ParseError): string => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  if (issue === undefined) return error.message
  const place = issue.path.filter((part) => part !== "input").map(String).join(".")
  return place === "" ? issue.message : `${place}: ${issue.message}`
}

/** The handlers. `studio` is the id of this start of the studio. */
export const layer = (runner: StudioRunner.Service | undefined, studio: string, mask: Mask) =>
  HttpApiBuilder.group(StudioApi, "again", (handlers) =>
    Effect.gen(function*() {
      const source = yield* StudioSource
      const starts = runner === undefined ? noRunner : yield* Starts.make(runner, studio, mask)
      return handlers
        // an input of an older run may not be valid
        .handleRaw("form", ({ urlParams: { flow, id } }) =>
          Effect.map(formOf(source, mask, flow, id), (form): HttpServerResponse.HttpServerResponse => {
            const whole: RunForm = {
              ...form,
              studio,
              canStart: runner !== undefined,
              ...runner === undefined && { whyNot }
            }
            return jsonResponse(whole)
          }))
        .handleRaw("start", ({ request }) =>
          Effect.gen(function*() {
            const body = yield* Effect.mapError(
              request.json,
              () =>
                new InvalidRun({ message: "The request is not JSON of at most 4 MiB." })
            )
            const decoded = decode(body)
            if (Either.isLeft(decoded)) {
              return yield* new InvalidRun({ message: faultOf(decoded.left) })
            }
            return yield* starts.begin(decoded.right)
          }))
        .handle("started", ({ urlParams: { intention } }) =>
          starts.outcome(intention))
    }))
