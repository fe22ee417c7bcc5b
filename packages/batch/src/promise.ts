// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * Batches for programs without Effect: one call runs one, another reads what became of its rows.
 *
 * @since 0.1.0
 */
import { type FlowIdentifier, Noukai } from "@effect-noukai/promise/Noukai"
import type { NoukaiOptions } from "@effect-noukai/promise/NoukaiOptions"
import * as NoukaiPromise from "@effect-noukai/promise/NoukaiPromise"
import type { FlowVersion } from "@effect-noukai/sdk/Flow"
import { layer as sessionLayer } from "@effect-noukai/sdk/SessionService"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ParseResult from "effect/ParseResult"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Batch from "./Batch.js"
import { BatchEngine } from "./BatchEngine.js"
import { InvalidBatchError } from "./BatchError.js"
import type { RowResult } from "./BatchRow.js"
import * as BatchSource from "./BatchSource.js"
import type { BatchSummary, Progress, ResultsOptions, RunOptions } from "./BatchStatus.js"
import { BatchStore } from "./BatchStore.js"
import { textOf } from "./internal/definition.js"

/**
 * The client of a batch: the options of `new Noukai` by their names there.
 *
 * @since 0.1.0
 * @category options
 */
export type ClientOptions = Pick<
  NoukaiOptions,
  | "apiKey"
  | "env"
  | "port"
  | "org"
  | "project"
  | "timeout"
  | "maxRetries"
  | "onLog"
  | "logPayloads"
  | "dispatcher"
  | "fetch"
>

/**
 * Where rows come from. A text is the path of a file, of lines of JSON or, where its name ends in `.csv`, of CSV: `row`
 * reads what stands in one of its rows, and throws where that is no row, which is `invalid` then.
 *
 * @since 0.1.0
 * @category options
 */
export type RowsOptions<Row> = {
  readonly source: string
  readonly row: (value: unknown) => Row
} | {
  // the intersection lets `row` decide the type of the rows of a file, whose path is an iterable of strings
  readonly source: Iterable<Row & (NonNullable<unknown> | null | undefined)> | AsyncIterable<Row>
  readonly row?: undefined
}

/**
 * The run of a row: a job in the queue, or a request of its own, for conversations and attachments. It must
 * depend on the row alone: a key whose input changes is refused.
 *
 * @since 0.1.0
 * @category options
 */
export type InputOptions<Row> = {
  /** Default: `"jobs"`. */
  readonly operation?: "jobs" | undefined
  readonly input: (row: Row) => Batch.JobInput
} | {
  readonly operation: "execute"
  readonly input: (row: Row) => Batch.RequestInput
}

interface CommonOptions<Row>
  extends
    ClientOptions,
    Omit<RunOptions, "attempts" | "backoff" | "grace" | "pendingTimeout" | "rowTimeout" | "stopWithin">
{
  /** Names the batch in its ledger, and its runs at the server: the same id goes on where an earlier run stopped. */
  readonly id: string
  readonly flow: FlowIdentifier
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
  /** The path of the ledger, a file that is made if it is not there. One process works on it at a time. */
  readonly ledger: string
  /** The key of a row, unique in the batch: at most 1,024 UTF-16 code units. */
  readonly key: (row: Row) => string
  /** The limit of the input of a row, in bytes of its JSON, at most 64 MiB. A larger row is `invalid`. Default: 16 MiB. */
  readonly maxInputBytes?: number | undefined
  /**
   * How often a row runs whose run failed for a reason that may pass, such as an error of the provider; at most 100. Each
   * attempt is a run of its own, and is billed. Default: 1.
   */
  readonly attempts?: number | undefined
  /** Milliseconds before the second attempt. They double, up to a minute. Default: 1,000. */
  readonly backoff?: number | undefined
  /** Milliseconds after which the server lists a run that was begun. Default: 5,000. */
  readonly grace?: number | undefined
  /** Milliseconds that a row may be running before it has timed out; `Infinity` for no limit. Default: 3,600,000. */
  readonly rowTimeout?: number | undefined
  /** Milliseconds that the job of a row may be pending before the row has timed out. Default: no limit. */
  readonly pendingTimeout?: number | undefined
  /** Milliseconds that rows in flight may go on after an abort. Default: 30,000. */
  readonly stopWithin?: number | undefined
  /** Begins no more rows when it is aborted; those in flight go on for `stopWithin`. Default: none. */
  readonly signal?: AbortSignal | undefined
  /** Told about once a second how far the batch is, and at its end. An error that it throws is ignored. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * The options of {@link runBatch}.
 *
 * @since 0.1.0
 * @category options
 */
export type RunBatchOptions<Row> = CommonOptions<Row> & InputOptions<Row> & RowsOptions<Row>

/**
 * The options of {@link batchResults}.
 *
 * @since 0.1.0
 * @category options
 */
export interface BatchResultsOptions extends ResultsOptions {
  /** The id of the batch. */
  readonly id: string
  /** The path of its ledger. */
  readonly ledger: string
  /** Ends the reading, which rejects with its reason. Default: none. */
  readonly signal?: AbortSignal | undefined
}

const invalid = (field: string, reason: string) => new InvalidBatchError({ method: "runBatch", field, reason })

/** The schema of what a function makes of a value of a file. */
const readBy = <Row>(row: (value: unknown) => Row): Schema.Schema<Row, unknown> =>
  Schema.transformOrFail(Schema.Unknown, Schema.declare((_): _ is Row => true), {
    strict: true,
    decode: (value, _, ast) =>
      ParseResult.try({
        try: () => row(value),
        catch: (error) => new ParseResult.Type(ast, value, textOf(error))
      }),
    encode: ParseResult.succeed
  })

const isAsync = (source: object): source is AsyncIterable<unknown> => Symbol.asyncIterator in source

const isIterable = (source: object): source is Iterable<unknown> => Symbol.iterator in source

/** The source of an option. What an iterable throws is what the batch rejects with. */
const sourceOf = (source: unknown): BatchSource.BatchSource<unknown, unknown> => {
  if (typeof source === "string") {
    return /\.csv$/i.test(source) ? BatchSource.fromCsv(source) : BatchSource.fromJsonl(source)
  }
  if (typeof source === "object" && source !== null) {
    if (isAsync(source)) return BatchSource.fromStream(Stream.fromAsyncIterable(source, (error) => error))
    if (isIterable(source)) return BatchSource.fromIterable(source)
  }
  throw invalid("source", "must be the path of a file, or an iterable of rows")
}

const batchOf = <Row>(
  options: RunBatchOptions<Row>,
  flow: { readonly org: string; readonly project: string; readonly slug: string }
) => {
  const { id, key, maxInputBytes, row, version } = options
  const ref = `${flow.org}/${flow.project}/${flow.slug}`
  const common = { id, flow: ref, version, key, maxInputBytes, row: row && readBy(row) }
  return options.operation === "execute"
    ? Batch.make({ ...common, operation: options.operation, input: options.input })
    : Batch.make({ ...common, operation: options.operation, input: options.input })
}

/** How long one waits for a batch to be begun, in milliseconds. */
const beginning = 200

/** Tells how far a batch is, from when it has begun. */
const telling = (id: string, tell: (progress: Progress) => void) => {
  const told = (progress: Progress) => Effect.ignore(Effect.try(() => tell(progress)))
  const running = Stream.filter(Batch.progress(id), ({ status }) => status === "running")
  return {
    meanwhile: Effect.repeat(Effect.ignore(Stream.runForEach(running, told)), Schedule.spaced(beginning)),
    last: Effect.ignore(Stream.runForEach(Stream.take(Batch.progress(id), 1), told))
  }
}

/**
 * Runs the rows of a source that are not settled, each once, in this process, and tells what became of the batch. Rows that
 * fail do not fail it. A process that was stopped or killed is started again with the same options, and goes on.
 *
 * Rejects as the calls of a client do: with an `AuthenticationError` for a key that is missing, with the reason of `signal`
 * when it was aborted and what was in flight has ended, with what an iterable throws. Rejects with an `InvalidBatchError` for
 * an option that is wrong, a `BatchSourceError` for a file that cannot be read, a `BatchLockedError` for a ledger that another
 * process works on, a `BatchConflictError` for an id that is of another flow, and a `BatchStoreError` when the ledger fails. A
 * key that the server refuses and an account without credits stop the batch: `status` is `"incomplete"` then, and `stop` says
 * why.
 *
 * @example
 * ```ts
 * import { runBatch } from "@effect-noukai/batch/promise"
 *
 * const grade = (essays: ReadonlyArray<{ readonly id: string; readonly text: string }>) =>
 *   runBatch({
 *     id: "grades-2026-11",
 *     flow: "acme/spelling/grade-3",
 *     ledger: "grades.ledger",
 *     source: essays,
 *     key: (essay) => essay.id,
 *     input: (essay) => ({ message: essay.text })
 *   })
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const runBatch = async <Row>(options: RunBatchOptions<Row>): Promise<BatchSummary> => {
  const { ledger, onProgress, signal } = options
  if (typeof ledger !== "string" || ledger === "") throw invalid("ledger", "must be the path of a file")
  const source = sourceOf(options.source)
  const { apiKey, dispatcher, env, fetch, logPayloads, maxRetries, onLog, org, port, project, timeout } = options
  const client = { apiKey, env, port, org, project, timeout, maxRetries, onLog, logPayloads, dispatcher, fetch }
  await using noukai = new Noukai(client)
  const batch = batchOf(options, noukai.flow(options.flow))
  const running = Batch.run(batch, source, options)
  const told = onProgress === undefined ? running : Effect.suspend(() => {
    const { last, meanwhile } = telling(options.id, onProgress)
    return Effect.scoped(Effect.zipRight(Effect.forkScoped(meanwhile), Effect.zipLeft(running, last)))
  })
  return await NoukaiPromise.run(
    noukai,
    Effect.provide(told, Layer.mergeAll(BatchStore.layerFile(ledger), BatchEngine.layerLocal, sessionLayer)),
    { signal }
  )
}

/** The abort of a signal as a failure with its reason. */
const aborted = (signal: AbortSignal) =>
  Effect.async<never, unknown>((resume) => {
    const tell = () => resume(Effect.fail(signal.reason))
    if (signal.aborted) return tell()
    signal.addEventListener("abort", tell, { once: true })
    return Effect.sync(() => signal.removeEventListener("abort", tell))
  })

/**
 * The results of the rows of a batch, in the order of their input; also while another process runs it. Leaving the loop
 * closes the ledger.
 *
 * Rejects with a `BatchNotFoundError` where the ledger has no batch of this id, an `InvalidBatchError` for an option that is
 * wrong, a `BatchStoreError` when the ledger cannot be read, and the reason of `signal`.
 *
 * @example
 * ```ts
 * import { batchResults } from "@effect-noukai/batch/promise"
 *
 * const print = async () => {
 *   for await (const { key, state, result, error } of batchResults({ id: "grades-2026-11", ledger: "grades.ledger" })) {
 *     console.log(key, state === "done" ? result : error?.message)
 *   }
 * }
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export async function* batchResults(options: BatchResultsOptions): AsyncGenerator<RowResult, void, undefined> {
  const { after, follow, id, ledger, order, select, signal, withInput } = options
  const rows = Stream.provideLayer(
    Batch.results(id, { after, follow, order, select, withInput }),
    BatchStore.layerFile(ledger)
  )
  // a ledger in a file answers before an interruption is heard
  if (signal?.aborted === true) throw signal.reason
  yield* Stream.toAsyncIterable(signal === undefined ? rows : Stream.interruptWhen(rows, aborted(signal)))
}
