/**
 * The part of the studio's API about runs and sessions.
 *
 * @since 0.1.0
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/**
 * A run, as a row of the list.
 *
 * @since 0.1.0
 * @category models
 */
export const Run = Schema.Struct({
  id: Schema.String,
  /** `org/project/slug`. */
  flow: Schema.String,
  flowId: Schema.optional(Schema.String),
  version: Schema.optional(Schema.String),
  /** `pending`, `running`, `completed`, `failed`, `cancelled`, or something newer. */
  status: Schema.String,
  /** How it began: `execute`, `step`, `job`, or what the server says. */
  trigger: Schema.optional(Schema.String),
  sessionId: Schema.optional(Schema.String),
  startedAt: Schema.optional(Schema.Number),
  durationMs: Schema.optional(Schema.Number),
  /**
   * Since when the run waits for its caller: for tool results, or for the request of its next step. Milliseconds since 1970.
   * Absent where no wait is known.
   */
  waitsSince: Schema.optional(Schema.Number),
  /** The known costs. Absent if no cost is known. */
  costUsd: Schema.optional(Schema.String),
  /** The number of costs that are unknown and not in `costUsd`. Absent of an exact cost. */
  unknownCosts: Schema.optional(Schema.Number),
  // known of runs whose traces were read
  /** The code of the error of a failed run, or the first line of its message. */
  error: Schema.optional(Schema.String),
  /** The first line of the message of that error, beside its code. */
  problem: Schema.optional(Schema.String),
  /** The first line of the input of its first step. */
  input: Schema.optional(Schema.String),
  /** The first line of the output of its last completed step. */
  output: Schema.optional(Schema.String),
  tokens: Schema.optional(Schema.Number),
  /** The models of its steps, with commas between them. */
  model: Schema.optional(Schema.String)
})

/** @since 0.1.0 */
export interface Run extends Schema.Schema.Type<typeof Run> {}

/** A number in the address of a request. */
const Instant = Schema.NumberFromString.pipe(Schema.finite())

/**
 * Which runs a list has. All conditions hold for each of them.
 *
 * @since 0.1.0
 * @category models
 */
export const RunFilter = Schema.Struct({
  /** A part of `org/project/slug`. */
  flow: Schema.optional(Schema.String),
  /** The whole `org/project/slug`. */
  ofFlow: Schema.optional(Schema.String),
  status: Schema.optional(Schema.String),
  /** The id of a session. */
  session: Schema.optional(Schema.String),
  /** The first and the last start, in milliseconds since 1970. */
  from: Schema.optional(Instant),
  to: Schema.optional(Instant),
  /** A part of a text of the row, such as its id or its error; upper and lower case are the same. */
  text: Schema.optional(Schema.String)
})

/** @since 0.1.0 */
export interface RunFilter extends Schema.Schema.Type<typeof RunFilter> {}

/**
 * The order of a list. With `-`, the greatest comes first. Rows without the fact come last.
 *
 * @since 0.1.0
 * @category models
 */
export const RunOrder = Schema.TemplateLiteral(
  Schema.Literal("", "-"),
  Schema.Literal("startedAt", "durationMs", "costUsd", "tokens", "status", "flow", "error", "model")
)

/** @since 0.1.0 */
export type RunOrder = Schema.Schema.Type<typeof RunOrder>

/**
 * A part of the list.
 *
 * @since 0.1.0
 * @category models
 */
export const RunPage = Schema.Struct({
  runs: Schema.Array(Run),
  /** How many runs the whole list has. */
  total: Schema.Number
})

/** @since 0.1.0 */
export interface RunPage extends Schema.Schema.Type<typeof RunPage> {}

/**
 * The server whose runs are shown, and the facts that it does not tell.
 *
 * @since 0.1.0
 * @category models
 */
export const Source = Schema.Struct({
  /** The views beside runs and sessions that have something to show. */
  views: Schema.Array(Schema.Literal("batches", "evals", "emulator")),
  kind: Schema.Literal("emulator", "hosted"),
  /** The address of the server whose runs are shown. */
  address: Schema.String,
  /** The flows whose runs can be listed. */
  flows: Schema.Array(Schema.String),
  /** Why the server does not answer now. Absent while it does. */
  outage: Schema.optional(Schema.String),
  /** Facts that this server does not tell, each with what to do about it: shown beside the list. */
  missing: Schema.Array(Schema.Struct({ what: Schema.String, why: Schema.String }))
})

/** @since 0.1.0 */
export interface Source extends Schema.Schema.Type<typeof Source> {}

/**
 * One attempt at a step, in one iteration if it is in a loop, without its payloads.
 *
 * @since 0.1.0
 * @category models
 */
export const Bar = Schema.Struct({
  stepId: Schema.String,
  attempt: Schema.Number,
  loopIndex: Schema.optional(Schema.Number),
  /** The step, its iteration, and its attempt if it is not the first. */
  label: Schema.String,
  /** `other`: a status that is not known. */
  kind: Schema.Literal("completed", "failed", "running", "skipped", "other"),
  /** Whether the bars after it, down to the next of depth 0, are its iterations. */
  isLoop: Schema.Boolean,
  /** 1 for iterations. */
  depth: Schema.Literal(0, 1),
  /** The time from the start of the run. */
  startMs: Schema.Number,
  durationMs: Schema.Number,
  /** The part in which it waited for tool results. */
  waitingMs: Schema.Number,
  model: Schema.optional(Schema.String),
  tokens: Schema.optional(Schema.Number),
  costUsd: Schema.optional(Schema.String),
  /** As of {@link Run}. */
  unknownCosts: Schema.optional(Schema.Number),
  /** The code of its error, or the first line of its message. */
  error: Schema.optional(Schema.String),
  /** Its error in lines of text, as far as it was captured. */
  failure: Schema.Array(Schema.String)
})

/** @since 0.1.0 */
export interface Bar extends Schema.Schema.Type<typeof Bar> {}

/**
 * The time and cost of all attempts at a step.
 *
 * @since 0.1.0
 * @category models
 */
export const StepTotals = Schema.Struct({
  stepId: Schema.String,
  attempts: Schema.Number,
  /** Without the time in which it waited for tool results. */
  busyMs: Schema.Number,
  waitingMs: Schema.Number,
  tokens: Schema.Number,
  costUsd: Schema.String,
  /** As of {@link Run}. */
  unknownCosts: Schema.optional(Schema.Number)
})

/** @since 0.1.0 */
export interface StepTotals extends Schema.Schema.Type<typeof StepTotals> {}

/**
 * A stretch in which a run waited for its caller, as the clock of a watcher saw it.
 *
 * @since 0.1.0
 * @category models
 */
export const Pause = Schema.Struct({
  startMs: Schema.Number,
  /** Absent while it lasts. */
  durationMs: Schema.optional(Schema.Number),
  stepId: Schema.optional(Schema.String)
})

/** @since 0.1.0 */
export interface Pause extends Schema.Schema.Type<typeof Pause> {}

/**
 * A run and its bars, without payloads.
 *
 * @since 0.1.0
 * @category models
 */
export const RunDetail = Schema.Struct({
  run: Run,
  /** The time that the whole width stands for. It is not less than `ageMs` while a step runs. */
  totalMs: Schema.Number,
  /** Of a run that goes on: the time since its start, by the clock of the studio. */
  ageMs: Schema.optional(Schema.Number),
  waitingMs: Schema.Number,
  tokens: Schema.Number,
  /** In the order of rows: each loop is followed by its iterations. */
  bars: Schema.Array(Bar),
  /** The bar to show first: the first failure that no later attempt mended, otherwise a failure, otherwise the longest step. */
  focus: Schema.optional(Schema.Number),
  steps: Schema.Array(StepTotals),
  /** The bars that decided when the run ended, by their indices, in order of time: no step could begin before the one before it had ended. */
  criticalPath: Schema.Array(Schema.Number),
  /** Facts that are known only of runs that somebody watched. */
  watched: Schema.optional(Schema.Struct({
    /** The clock: `server` is the emulator's. `watcher` is the studio's, which sees events later than they happen. */
    clock: Schema.Literal("server", "watcher"),
    firstOutputMs: Schema.optional(Schema.Number),
    pauses: Schema.Array(Pause)
  })),
  /** Why the steps have no payloads, or no steps are known, and what to do about it. */
  notes: Schema.Array(Schema.String)
})

/** @since 0.1.0 */
export interface RunDetail extends Schema.Schema.Type<typeof RunDetail> {}

/**
 * A payload of a step, as JSON text: a page shows it in parts. `isCaptured`: whether the server stored it.
 *
 * @since 0.1.0
 * @category models
 */
export const Payload = Schema.Struct({
  isCaptured: Schema.Boolean,
  /** JSON. Absent where it was not captured. */
  json: Schema.optional(Schema.String),
  sizeBytes: Schema.optional(Schema.Number)
})

/** @since 0.1.0 */
export interface Payload extends Schema.Schema.Type<typeof Payload> {}

/**
 * One attempt at a step, with its payloads.
 *
 * @since 0.1.0
 * @category models
 */
export const StepAttempt = Schema.Struct({
  attempt: Schema.Number,
  loopIndex: Schema.optional(Schema.Number),
  status: Schema.String,
  model: Schema.optional(Schema.String),
  tokens: Schema.optional(Schema.Struct({
    prompt: Schema.Number,
    completion: Schema.Number,
    total: Schema.Number
  })),
  costUsd: Schema.optional(Schema.String),
  /** As of {@link Run}. */
  unknownCosts: Schema.optional(Schema.Number),
  startedAt: Schema.optional(Schema.Number),
  durationMs: Schema.optional(Schema.Number),
  waitingMs: Schema.optional(Schema.Number),
  input: Payload,
  output: Payload,
  error: Payload,
  /** Whether the server cut a payload when it stored it. */
  isTruncated: Schema.Boolean
})

/** @since 0.1.0 */
export interface StepAttempt extends Schema.Schema.Type<typeof StepAttempt> {}

/**
 * All attempts at a step, in one iteration if it is in a loop.
 *
 * @since 0.1.0
 * @category models
 */
export const StepDetail = Schema.Struct({
  stepId: Schema.String,
  attempts: Schema.Array(StepAttempt),
  /** The messages between the step and its tools, where a live trace has kept them: JSON. */
  conversation: Schema.optional(Schema.String),
  /** Why payloads are missing, and how to capture them. */
  notes: Schema.Array(Schema.String)
})

/** @since 0.1.0 */
export interface StepDetail extends Schema.Schema.Type<typeof StepDetail> {}

/**
 * A run of the same flow with the same input, as text to copy. None of them contains a key.
 *
 * @since 0.1.0
 * @category models
 */
export const Snippets = Schema.Struct({
  command: Schema.String,
  typescript: Schema.String,
  curl: Schema.String,
  /** The parts that are missing. The input of a run is known only if its first step has captured it. */
  notes: Schema.Array(Schema.String)
})

/** @since 0.1.0 */
export interface Snippets extends Schema.Schema.Type<typeof Snippets> {}

/**
 * A place in which a text was found in a run.
 *
 * @since 0.1.0
 * @category models
 */
export const Hit = Schema.Struct({
  stepId: Schema.String,
  loopIndex: Schema.optional(Schema.Number),
  attempt: Schema.Number,
  where: Schema.Literal("name", "input", "output", "error"),
  /** The text around the place, in one line. */
  excerpt: Schema.String
})

/** @since 0.1.0 */
export interface Hit extends Schema.Schema.Type<typeof Hit> {}

/**
 * The places of a text in the names and payloads of a run, in the order of its bars: at most 500.
 *
 * @since 0.1.0
 * @category models
 */
export const Hits = Schema.Struct({
  hits: Schema.Array(Hit),
  /** The number of all places, also of those that are not listed. One payload counts once. */
  total: Schema.Number
})

/** @since 0.1.0 */
export interface Hits extends Schema.Schema.Type<typeof Hits> {}

/**
 * A run in the picture of a list.
 *
 * @since 0.1.0
 * @category models
 */
export const Point = Schema.Struct({
  id: Schema.String,
  flow: Schema.String,
  status: Schema.String,
  startedAt: Schema.Number,
  durationMs: Schema.Number,
  /** Whether it lasted much longer than other runs of its flow. */
  isOutlier: Schema.Boolean
})

/** @since 0.1.0 */
export interface Point extends Schema.Schema.Type<typeof Point> {}

/**
 * The runs of a list as a picture, oldest first: at most 2,000. Of a longer list, all failures and outliers come first, and an
 * equal share of the rest.
 *
 * @since 0.1.0
 * @category models
 */
export const Points = Schema.Struct({
  points: Schema.Array(Point),
  /** The number of runs of the list that have a start and a duration. */
  total: Schema.Number
})

/** @since 0.1.0 */
export interface Points extends Schema.Schema.Type<typeof Points> {}

/**
 * A step as a part of the bar of its run.
 *
 * @since 0.1.0
 * @category models
 */
export const SessionStep = Schema.Struct({
  stepId: Schema.String,
  kind: Bar.fields.kind,
  /** The time from the start of the session. */
  startMs: Schema.Number,
  durationMs: Schema.Number
})

/** @since 0.1.0 */
export interface SessionStep extends Schema.Schema.Type<typeof SessionStep> {}

/**
 * A run of a session.
 *
 * @since 0.1.0
 * @category models
 */
export const SessionRun = Schema.Struct({
  run: Run,
  /** The time from the start of the session. Absent where the start of the run is not known. */
  startMs: Schema.optional(Schema.Number),
  /** Its steps without iterations, in order of time: at most 200. */
  steps: Schema.Array(SessionStep),
  /** Its error in lines of text. Empty unless it failed. */
  failure: Schema.Array(Schema.String),
  /** Whether the payloads that a replay needs were captured. */
  isCaptured: Schema.Boolean
})

/** @since 0.1.0 */
export interface SessionRun extends Schema.Schema.Type<typeof SessionRun> {}

/**
 * The runs under one session id on one axis of time, in the order in which they began.
 *
 * @since 0.1.0
 * @category models
 */
export const SessionDetail = Schema.Struct({
  id: Schema.String,
  /** When its first run began. */
  startedAt: Schema.optional(Schema.Number),
  /** The time from there to the end of its last run, or to now while one goes on. */
  totalMs: Schema.Number,
  /** The sum of the known costs. Absent if no cost is known. */
  costUsd: Schema.optional(Schema.String),
  /** The number of its runs whose cost is not wholly known. Absent of an exact cost. */
  unknownCosts: Schema.optional(Schema.Number),
  runs: Schema.Array(SessionRun),
  /** The command that saves it as a cassette. */
  save: Schema.String,
  /** The commands that keep it as a test, and replay it. Absent if a run was not begun by `execute`, or kept no payloads. */
  test: Schema.optional(Schema.String),
  /** TypeScript that runs a program again, answered from that cassette. */
  replay: Schema.String,
  /** The command that sends a request again to a server with an adapter of Noukai, answered from the session. */
  replayRequest: Schema.String,
  /** The facts that a replay lacks, each with a remedy. */
  notes: Schema.Array(Schema.String)
})

/** @since 0.1.0 */
export interface SessionDetail extends Schema.Schema.Type<typeof SessionDetail> {}

/**
 * The start of a stream of events.
 *
 * @since 0.1.0
 * @category models
 */
export const Hello = Schema.Struct({
  /** Another id than before: the server was started again. */
  id: Schema.String
})

/** @since 0.1.0 */
export interface Hello extends Schema.Schema.Type<typeof Hello> {}

/**
 * A change of the list, at most one per 100 ms.
 *
 * @since 0.1.0
 * @category models
 */
export const ListChange = Schema.Struct({
  /** Runs that are new or have changed, and belong to the list. */
  runs: Schema.Array(Run),
  /** The ids of runs that have changed and no longer belong to it. */
  gone: Schema.Array(Schema.String),
  total: Schema.Number
})

/** @since 0.1.0 */
export interface ListChange extends Schema.Schema.Type<typeof ListChange> {}

/**
 * The run, step, flow or session does not exist, or may not be read. `advice` is what to do about it.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotFound extends Schema.TaggedError<NotFound>("@effect-noukai/studio/NotFound")(
  "NotFound",
  { message: Schema.String, advice: Schema.optional(Schema.String) },
  HttpApiSchema.annotations({ status: 404 })
) {}

/**
 * The server whose runs are shown could not be asked, or refused. `advice` is what to do about it.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unavailable extends Schema.TaggedError<Unavailable>("@effect-noukai/studio/Unavailable")(
  "Unavailable",
  { message: Schema.String, advice: Schema.optional(Schema.String) },
  HttpApiSchema.annotations({ status: 502 })
) {}

/** The address of a run in a request. */
const RunAddress = { flow: Schema.String, id: Schema.String }

/** A whole number in the address of a request. */
export const Index = Schema.NumberFromString.pipe(Schema.int(), Schema.nonNegative())

/** JSON of a type whose schema is in a package that the API does not load. Its fields are not checked. */
export const json = <A extends object>(): Schema.Schema<A> =>
  Schema.declare((value): value is A => Predicate.isRecord(value), { jsonSchema: { type: "object" } })

/** Server-sent events. */
export const EventStream = HttpApiSchema.Text({ contentType: "text/event-stream" })

/**
 * The endpoints of runs and sessions. All are reads. `changes` and `watch` are server-sent events, and both begin with
 * the event `hello` ({@link Hello}). A read after `hello` has all changes before it.
 *
 * @since 0.1.0
 * @category api
 */
export const runsGroup = HttpApiGroup.make("runs")
  .add(HttpApiEndpoint.get("source", "/source").addSuccess(Source))
  .add(
    HttpApiEndpoint.get("list", "/runs")
      .setUrlParams(Schema.Struct({
        ...RunFilter.fields,
        /** Default: `-startedAt`, the newest first. */
        order: Schema.optional(RunOrder),
        /** The number of runs before the page. Default: 0. */
        offset: Schema.optional(Index),
        /** Default: 100, the most: 500. */
        limit: Schema.optional(Index)
      }))
      .addSuccess(RunPage)
  )
  /** Events named `change`, each a {@link ListChange}, and another `hello` where the list is to be read again. */
  .add(HttpApiEndpoint.get("changes", "/changes").setUrlParams(RunFilter).addSuccess(EventStream))
  .add(HttpApiEndpoint.get("run", "/run").setUrlParams(Schema.Struct(RunAddress)).addSuccess(RunDetail))
  /**
   * Events named `run`, each a {@link RunDetail}; the last one is `end`, after which nothing changes, or `problem`, an
   * {@link Unavailable}.
   */
  .add(HttpApiEndpoint.get("watch", "/watch").setUrlParams(Schema.Struct(RunAddress)).addSuccess(EventStream))
  .add(
    HttpApiEndpoint.get("step", "/step")
      .setUrlParams(Schema.Struct({ ...RunAddress, step: Schema.String, loop: Schema.optional(Index) }))
      .addSuccess(StepDetail)
  )
  .add(HttpApiEndpoint.get("snippets", "/snippets").setUrlParams(Schema.Struct(RunAddress)).addSuccess(Snippets))
  /** A file to save: OTLP JSON, or the page that `noukai trace --html` writes. */
  .add(
    HttpApiEndpoint.get("export", "/export")
      .setUrlParams(Schema.Struct({ ...RunAddress, format: Schema.Literal("otlp", "html") }))
      .addSuccess(HttpApiSchema.Text({ contentType: "application/octet-stream" }))
  )
  .add(HttpApiEndpoint.get("points", "/points").setUrlParams(RunFilter).addSuccess(Points))
  .add(
    HttpApiEndpoint.get("search", "/search")
      .setUrlParams(Schema.Struct({ ...RunAddress, text: Schema.String }))
      .addSuccess(Hits)
  )
  .add(
    HttpApiEndpoint.get("session", "/session").setUrlParams(Schema.Struct({ id: Schema.String })).addSuccess(
      SessionDetail
    )
  )
  /** A file to save: the cassette that `noukai session save` writes. */
  .add(
    HttpApiEndpoint.get("cassette", "/cassette")
      .setUrlParams(Schema.Struct({ id: Schema.String }))
      .addSuccess(HttpApiSchema.Text({ contentType: "application/octet-stream" }))
  )
  .addError(NotFound)
  .addError(Unavailable)
