// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * Batches for programs without Effect: `runBatch` runs one, `batchResults` reads its rows.
 *
 * @since 0.1.0
 */
import { type FlowIdentifier, Noukai } from "@effect-noukai/promise/Noukai"
import type { NoukaiOptions } from "@effect-noukai/promise/NoukaiOptions"
import * as NoukaiPromise from "@effect-noukai/promise/NoukaiPromise"
import type { FlowVersion } from "@effect-noukai/sdk/Flow"
import type { CallbackOption } from "@effect-noukai/sdk/JobService"
import { callbackNames } from "@effect-noukai/sdk/kit/callback"
import type { Names } from "@effect-noukai/sdk/kit/names"
import { layer as sessionLayer } from "@effect-noukai/sdk/SessionService"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import * as Batch from "./Batch.js"
import { BatchEngine } from "./BatchEngine.js"
import { InvalidBatchError } from "./BatchError.js"
import type { RowResult } from "./BatchRow.js"
import * as BatchSource from "./BatchSource.js"
import type { BatchSummary, Progress, ResultsOptions, RunOptions } from "./BatchStatus.js"
import { BatchStore } from "./BatchStore.js"
import { textOf } from "./internal/definition.js"
import { misnamedError, resultsNames, runNames } from "./internal/names.js"

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
 * The rows of a batch. A text is the path of a CSV file if it ends in `.csv`, and otherwise of a file of JSON lines.
 * `row` reads one value of the file; if it throws, the row is `invalid`.
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
 * The run of a row: a job in the queue, or a request of its own, for conversations and attachments. The input must
 * depend on the row alone: a key whose input changes is refused.
 *
 * @since 0.1.0
 * @category options
 */
export type InputOptions<Row> = {
  /** Default: `"jobs"`. */
  readonly operation?: "jobs" | undefined
  /** The webhook of every job, for which its row waits before it polls. Default: none, and rows are polled. */
  readonly callback?: CallbackOption | undefined
  readonly input: (row: Row) => Batch.JobInput
} | {
  readonly operation: "execute"
  readonly callback?: undefined
  readonly input: (row: Row) => Batch.RequestInput
}

interface CommonOptions<Row>
  extends
    ClientOptions,
    Omit<RunOptions, "attempts" | "backoff" | "grace" | "pendingTimeout" | "rowTimeout" | "stopWithin">
{
  /** Names the batch in its ledger and its runs at the server. The same id continues an earlier run. */
  readonly id: string
  readonly flow: FlowIdentifier
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
  /** The path of the ledger file, which is created if missing. One process works on it at a time. */
  readonly ledger: string
  /** The key of a row, unique in the batch: at most 1,024 UTF-16 code units. */
  readonly key: (row: Row) => string
  /** The flow and version of a row, where they differ from the batch's. Default: those of the batch. */
  readonly target?: ((row: Row) => Batch.RowTarget) | undefined
  /** The limit of the input of a row, in bytes of its JSON, at most 64 MiB. A larger row is `invalid`. Default: 16 MiB. */
  readonly maxInputBytes?: number | undefined
  /**
   * Each attempt is a run of its own and is billed. The number of attempts at a row, at most 100, if its run fails for
   * a reason that may pass, such as an error of the provider. Default: 1.
   */
  readonly attempts?: number | undefined
  /** Milliseconds before the second attempt. They double, up to a minute. Default: 1,000. */
  readonly backoff?: number | undefined
  /** Milliseconds within which the server lists a run that has begun. Default: 5,000. */
  readonly grace?: number | undefined
  /** Milliseconds that a row may be running before it times out; `Infinity` for no limit. Default: 3,600,000. */
  readonly rowTimeout?: number | undefined
  /** Milliseconds that the job of a row may be pending before the row times out. Default: no limit. */
  readonly pendingTimeout?: number | undefined
  /** Milliseconds that rows in flight may continue after an abort. Default: 30,000. */
  readonly stopWithin?: number | undefined
  /** After an abort no more rows begin; rows in flight continue for `stopWithin`. Default: none. */
  readonly signal?: AbortSignal | undefined
  /** Called about once a second, and at the end. Errors that it throws are ignored. */
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
  /** Stops reading; the iterator rejects with its reason. Default: none. */
  readonly signal?: AbortSignal | undefined
}

const clientNames: Names<ClientOptions> = {
  apiKey: true,
  env: true,
  port: true,
  org: true,
  project: true,
  timeout: true,
  maxRetries: true,
  onLog: true,
  logPayloads: true,
  dispatcher: "or null",
  fetch: true
}

const runBatchNames: Names<RunBatchOptions<unknown>> = {
  ...clientNames,
  ...runNames,
  id: true,
  flow: true,
  version: true,
  ledger: true,
  source: true,
  row: true,
  key: true,
  input: true,
  operation: true,
  callback: callbackNames,
  target: true,
  maxInputBytes: true,
  signal: true,
  onProgress: true
}

/** Programs pass one object of options to both functions, so those of `runBatch` are known here. */
const batchResultsNames: Names<BatchResultsOptions | RunBatchOptions<unknown>> = { ...runBatchNames, ...resultsNames }

const invalid = (field: string, reason: string) => new InvalidBatchError({ method: "runBatch", field, reason })

/** A schema that reads values of a file with a function. */
function readBy<Row>(row: (value: unknown) => Row): Schema.Schema<Row, unknown> {
  return Schema.transformOrFail(Schema.Unknown, Schema.declare((_): _ is Row => true), {
    strict: true,
    decode: (value, _, ast) =>
      ParseResult.try({
        try: () => row(value),
        catch: (error) => new ParseResult.Type(ast, value, textOf(error))
      }),
    encode: ParseResult.succeed
  })
}

/** The rows as they come. Its end does not wait for `return`, which a generator runs only after a pending `next`. */
const streamOf = (rows: AsyncIterable<unknown>): Stream.Stream<unknown, unknown> =>
  Stream.acquireRelease(
    Effect.sync(() => rows[Symbol.asyncIterator]()),
    (iterator) => Effect.forkDaemon(Effect.ignore(Effect.tryPromise(async () => iterator.return?.())))
  ).pipe(Stream.flatMap((iterator) =>
    Stream.fromAsyncIterable({ [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) }, (error) => error)
  ))

/** The source of an option. The batch rejects with the errors of an iterable. */
const sourceOf = (source: unknown): BatchSource.BatchSource<unknown, unknown> => {
  if (typeof source === "string") {
    return /\.csv$/i.test(source) ? BatchSource.fromCsv(source) : BatchSource.fromJsonl(source)
  }
  if (Predicate.hasProperty(source, Symbol.asyncIterator)) {
    return BatchSource.fromStream(streamOf(source as AsyncIterable<unknown>))
  }
  if (Predicate.isIterable(source)) return BatchSource.fromIterable(source)
  throw invalid("source", "must be the path of a file, or an iterable of rows")
}

function batchOf<Row>(
  options: RunBatchOptions<Row>,
  flow: { readonly org: string; readonly project: string; readonly slug: string }
) {
  const { callback, id, key, maxInputBytes, row, target, version } = options
  const ref = `${flow.org}/${flow.project}/${flow.slug}`
  const common = { id, flow: ref, version, key, target, maxInputBytes, callback, row: row && readBy(row) }
  return options.operation === "execute"
    ? Batch.make({ ...common, operation: options.operation, input: options.input })
    : Batch.make({ ...common, operation: options.operation, input: options.input })
}

/** The time between two checks whether a batch has begun, in milliseconds. */
const beginning = 200

/** Reports the progress of a batch once it has begun. */
const telling = (id: string, tell: (progress: Progress) => void) => {
  const told = (progress: Progress) => Effect.ignore(Effect.try(() => tell(progress)))
  const running = Stream.filter(Batch.progress(id), ({ status }) => status === "running")
  return {
    meanwhile: Effect.repeat(Effect.ignore(Stream.runForEach(running, told)), Schedule.spaced(beginning)),
    last: Effect.ignore(Stream.runForEach(Stream.take(Batch.progress(id), 1), told))
  }
}

/**
 * Runs the rows of a source that are not settled, each once, in this process, and returns a summary. Failed rows do not
 * fail the batch. To continue after a stop or a crash, call it again with the same options.
 *
 * Rejects with an `InvalidBatchError` for a wrong option, a `BatchSourceError` for a file that cannot be read, and the
 * error of an iterable. Rejects with a `BatchLockedError` if another process works on the ledger, a
 * `BatchConflictError` if the id belongs to another flow, and a `BatchStoreError` if the ledger fails. Rejects with an
 * `AuthenticationError` if the key is missing. After an abort it waits for the rows in flight and rejects with the
 * reason of `signal`.
 *
 * A rejected key or an account without credits stops the batch: `status` is then `"incomplete"`, and `stop` has the
 * reason.
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
export const runBatch: <Row>(options: RunBatchOptions<Row>) => Promise<BatchSummary> = async (options) => {
  const unknown = misnamedError("runBatch", options, runBatchNames)
  if (unknown !== undefined) throw unknown
  const { ledger, onProgress, signal } = options
  if (typeof ledger !== "string" || ledger === "") throw invalid("ledger", "must be the path of a file")
  const source = sourceOf(options.source)
  await using noukai = new Noukai(Struct.pick(options, ...Struct.keys(clientNames)))
  const batch = batchOf(options, noukai.flow(options.flow))
  const running = Batch.run(batch, source, Struct.pick(options, ...Struct.keys(runNames)))
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
 * The results of the rows of a batch, in the order of their input, also while another process runs it. Leaving the loop
 * closes the ledger.
 *
 * Rejects with a `BatchNotFoundError` if the ledger has no batch of this id, an `InvalidBatchError` for a wrong option,
 * a `BatchStoreError` if the ledger cannot be read, and the reason of `signal`.
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
  const unknown = misnamedError("batchResults", options, batchResultsNames)
  if (unknown !== undefined) throw unknown
  const { after, follow, id, ledger, order, select, signal, withInput } = options
  const rows = Stream.provideLayer(
    Batch.results(id, { after, follow, order, select, withInput }),
    BatchStore.layerFile(ledger)
  )
  // a ledger in a file answers before an interruption is heard
  if (signal?.aborted === true) throw signal.reason
  yield* Stream.toAsyncIterable(signal === undefined ? rows : Stream.interruptWhen(rows, aborted(signal)))
}
