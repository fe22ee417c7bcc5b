/**
 * The conformance suite as data: requests to the API, and the required answers. It runs against any base URL, of the
 * emulator or of another server.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { ApiKey, Organisation } from "./Account.js"
import type { ConformanceCase, Target } from "./ConformanceCase.js"
import type { FileFlow } from "./Flow.js"
import * as Access from "./internal/conformance/cases/access.js"
import * as Errors from "./internal/conformance/cases/errors.js"
import * as Execute from "./internal/conformance/cases/execute.js"
import * as Jobs from "./internal/conformance/cases/jobs.js"
import * as Python from "./internal/conformance/cases/python.js"
import * as Runs from "./internal/conformance/cases/runs.js"
import * as Sessions from "./internal/conformance/cases/sessions.js"
import * as Step from "./internal/conformance/cases/step.js"
import * as Tools from "./internal/conformance/cases/tools.js"
import * as Fixture from "./internal/conformance/fixture.js"
import { runCase } from "./internal/conformance/runCase.js"

/**
 * A case with an unexpected answer. `problems` names the places.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConformanceError extends Schema.TaggedError<ConformanceError>("@effect-noukai/emulator/ConformanceError")(
  "ConformanceError",
  {
    case: Schema.String,
    /** The index of the exchange in its case, from 0. */
    exchange: Schema.Number,
    problems: Schema.Array(Schema.String)
  }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return [`${this.case} (exchange ${this.exchange})`, ...this.problems.map((problem) => `  ${problem}`)].join("\n")
  }
}

/**
 * The emulator options that the cases need, besides the samples.
 *
 * @since 0.1.0
 * @category fixtures
 */
export const fixture: {
  readonly flows: ReadonlyArray<FileFlow>
  readonly keys: ReadonlyArray<ApiKey>
  readonly organisations: { readonly [org: string]: Organisation }
} = Fixture.fixture

/**
 * The keys of {@link fixture}, for a `Target`.
 *
 * @since 0.1.0
 * @category fixtures
 */
export const fixtureKeys: { readonly [name: string]: string } = Fixture.keys

/**
 * All cases.
 *
 * @since 0.1.0
 * @category cases
 */
export const cases: ReadonlyArray<ConformanceCase> = [
  ...Access.cases,
  ...Execute.cases,
  ...Tools.cases,
  ...Step.cases,
  ...Jobs.cases,
  ...Runs.cases,
  ...Sessions.cases,
  ...Python.cases,
  ...Errors.cases
]

/**
 * Runs one case. Fails with a `ConformanceError` at the first answer that is unexpected or missing.
 *
 * @since 0.1.0
 * @category combinators
 */
export const run = (made: ConformanceCase, target: Target): Effect.Effect<void, ConformanceError> =>
  runCase(made, target, (exchange, problems) => new ConformanceError({ case: made.name, exchange, problems }))
