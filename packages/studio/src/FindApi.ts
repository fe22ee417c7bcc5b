/**
 * The part of the studio's API that searches errors and payloads over all runs. The studio keeps the texts of runs in a file of
 * this machine, once it was asked to.
 *
 * @since 0.1.0
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as Schema from "effect/Schema"
import { Hit, NotFound, Run, Unavailable } from "./RunsApi.js"

/**
 * The index of the search.
 *
 * @since 0.1.0
 * @category models
 */
export const FindState = Schema.Struct({
  /** Whether it was asked for. Until then, no text is kept. */
  isOn: Schema.Boolean,
  /** The file of the texts. */
  file: Schema.String,
  /** The number of runs whose texts it has, and of those that are to be read. */
  runs: Schema.Number,
  waiting: Schema.Number,
  sizeBytes: Schema.Number,
  /** The most bytes of the file, and the most days for which it keeps a run. */
  mostBytes: Schema.Number,
  mostDays: Schema.Number
})

/** @since 0.1.0 */
export interface FindState extends Schema.Schema.Type<typeof FindState> {}

/**
 * A run in which a text was found.
 *
 * @since 0.1.0
 * @category models
 */
export const FoundRun = Schema.Struct({
  run: Schema.Struct({
    id: Run.fields.id,
    flow: Run.fields.flow,
    status: Run.fields.status,
    startedAt: Run.fields.startedAt
  }),
  /** The first place. */
  hit: Hit,
  /** The number of places. One payload counts once. */
  places: Schema.Number
})

/** @since 0.1.0 */
export interface FoundRun extends Schema.Schema.Type<typeof FoundRun> {}

/**
 * The runs in which a text was found, newest first: at most 100.
 *
 * @since 0.1.0
 * @category models
 */
export const FoundRuns = Schema.Struct({
  state: FindState,
  runs: Schema.Array(FoundRun),
  /** Whether there are more runs, or more places than were searched. */
  isCut: Schema.Boolean
})

/** @since 0.1.0 */
export interface FoundRuns extends Schema.Schema.Type<typeof FoundRuns> {}

/**
 * The endpoints of the search over all runs. `begin` keeps the texts of runs from now on: each listed run is read once.
 *
 * @since 0.1.0
 * @category api
 */
export const findGroup = HttpApiGroup.make("find")
  .add(HttpApiEndpoint.get("state", "/find/state").addSuccess(FindState))
  /** The text is plain text of at least 3 characters; upper and lower case are the same. */
  .add(
    HttpApiEndpoint.get("find", "/find").setUrlParams(Schema.Struct({ text: Schema.String })).addSuccess(FoundRuns)
  )
  .add(HttpApiEndpoint.post("begin", "/find").addSuccess(FindState))
  .addError(NotFound)
  .addError(Unavailable)
