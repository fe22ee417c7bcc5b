/** The tables of differences, as the README has them. Each row is why behaviours of the suite differ. */

export interface Difference<Because extends string = string> {
  /** The name that `differs` of the suite refers to. */
  readonly because: Because
  readonly subject: string
  readonly reference: string
  readonly ours: string
  /** The version of `@noukai/sdk` that brought it, if it is newer than the one that the tests run. */
  readonly since?: string
}

const row = <const Because extends string>(
  because: Because,
  subject: string,
  reference: string,
  ours: string
): Difference<Because> => ({ because, subject, reference, ours })

/** A row of a version whose description is known, and whose code does not run here. */
const newer = <const Because extends string>(
  since: string,
  because: Because,
  subject: string,
  reference: string,
  ours: string
): Difference<Because> => ({ since, because, subject, reference, ours })

/** Rows that can cost money, or change a result without an error. */
const silent = [
  newer(
    "0.4",
    "authorize",
    "`authorize` of a relay that returns nothing",
    "Lets every caller pass.",
    "Refuses every caller with 403 `FORBIDDEN`, because each run is billed to you. Logs once `authorize returned undefined, and the request was refused; return true …`. Does not compile: `Type 'void' is not assignable`."
  ),
  row(
    "retries",
    "`execute`, `executeAsync` after a 429 or 5xx",
    "Sends the request again, which may run and bill the flow twice.",
    "Retries a POST only if it was not sent, or after a 429 that names no run. Reads are retried up to `maxRetries` times."
  ),
  row(
    "endless",
    "A stream that ends before `flow_completed`",
    "Runs the step again, in an endless loop.",
    "Throws an `APIConnectionError` with the execution id."
  ),
  row(
    "unresumed",
    "A streamed tool pause that is not resumed",
    "Runs the step again, in an endless loop.",
    "Throws an `InvalidRequestError`: call `event.resume` before the next event is requested."
  ),
  row(
    "nested",
    "A scope in a scope",
    "Has its own id. In a replay, it runs live and is billed.",
    "Joins the outer scope."
  ),
  row(
    "gateways",
    "A gateway's 404 for a job, 5 seconds after its submission",
    "`wait` rejects with a `FlowNotFoundError`, although the paid run may continue.",
    "`wait` polls again. It rejects only if the answer says that the job does not exist."
  ),
  row(
    "cancelled",
    "A job that was cancelled",
    "`wait` polls until its timeout.",
    "`status` is `\"cancelled\"`, and `wait` resolves."
  ),
  row(
    "fetch",
    "A `globalThis.fetch` that was replaced",
    "Is used, and failed requests are retried.",
    "Is used if it was replaced before the client was created. The option `fetch` sets another one. With either, nothing is retried, and `sent` is `\"unknown\"` until a response begins."
  ),
  row(
    "draft",
    "`version: \"draft\"`",
    "Runs the published version, if there is one.",
    "Runs the draft. `steps` and `events` throw an `InvalidRequestError` at the call: leave `version` out there."
  ),
  row("rounds", "`maxToolRounds: 0`", "Means 10.", "Means 0: the handler never runs."),
  row(
    "clock",
    "`timeout` of a stream",
    "Limits the whole stream: after 5 minutes it ends with an `AbortError`.",
    "Limits each silence: a stream may last for hours, and a stalled one ends with an `APITimeoutError`."
  ),
  row("infinity", "`timeout: Infinity`", "Means 1 ms.", "Means no limit."),
  row(
    "addresses",
    "Slugs and ids with `/`, `?`, `#`",
    "Lead to another endpoint.",
    "Are encoded or refused."
  ),
  row("frames", "Streams with CRLF, or without a blank line at the end", "Lose events.", "Are read completely."),
  row("attachments", "`attachments` of `steps` and `events`", "Not sent.", "Sent."),
  row(
    "replayed failures",
    "A failed run in the replay of a session",
    "Rejects.",
    "Resolves with `status: \"failed\"`, as a call does whose run fails."
  ),
  row(
    "replay events",
    "Events of a loop in a replay",
    "Each iteration is a step of its own. `result` is the output of the last one.",
    "Are those of the loop, with its whole `result`."
  ),
  row(
    "run paths",
    "The first read of a run that answers 401, 403 or 404",
    "Fails.",
    "Is retried once under `/flow-runs`, which some deployments serve in place of `/seq/…/runs`. The client remembers the path that answered."
  ),
  row(
    "order of ids",
    "`sessionId` of the client, inside a scope",
    "Overrides the scope.",
    "The scope overrides it. The option of a call overrides both."
  ),
  row(
    "resumed session",
    "`sessionId` after a tool round",
    "Is lost.",
    "Is kept."
  ),
  row("empty id", "`replaySessionId: \"\"`", "Throws.", "Counts as absent."),
  row(
    "pauses",
    "A pause without `toolCalls`, or with `accumulatedOutputs: null`",
    "Returns it unchanged.",
    "Takes `toolCalls` from the last assistant message. `accumulatedOutputs` is empty."
  ),
  row(
    "output",
    "Tool results `{ tool_call_id, output }`, as in its README",
    "The server refuses them.",
    "Accepts them, and also `toolCallId` and content that is not a string."
  ),
  newer(
    "0.4",
    "empty conversation",
    "`messages: []` beside `message`",
    "Is refused.",
    "Counts as absent."
  ),
  row(
    "servers",
    "An error that an Express or Koa app does not handle",
    "The caller of the app gets Noukai's status, such as 401 for your wrong key.",
    "The caller gets a 500. `statusCode` of the error is still Noukai's, so handle the error on servers that read it (Fastify)."
  ),
  row(
    "next",
    "`noukaiTraceMiddleware` of Express",
    "Calls `next(fn)`, which Express takes for an error.",
    "Calls `next()`, so that the next handler runs."
  ),
  newer(
    "0.4",
    "relay refusals",
    "`{ \"detail\": \"FORBIDDEN\" }` of a relay",
    "The error has no `code`. Its JSON is the `message`.",
    "`code` and `message` are `FORBIDDEN`. The error also has `requestId` and `retryAfter`."
  ),
  newer(
    "0.5",
    "spans",
    "Spans with `otel`",
    "Of `execute` and `executeAsync`. No `traceparent` is sent.",
    "Also of streams, `resume`, tools, polls and traces. Requests have a `traceparent`. The default tracer is named `@effect-noukai/promise`."
  )
]

/** Rows in which one of the two clients rejects or throws, or does so with another class. */
const refused = [
  row(
    "failed steps",
    "A step that fails, in `steps()`",
    "Emits a `step_error`, which is not a completed step.",
    "Throws a `FlowExecutionError` with `code` and `stepId`. In `events()` it is an event too."
  ),
  row(
    "unasked pause",
    "A pause that nobody can answer: no tools sent, or `steps()` without a handler",
    "Returns it.",
    "Throws an `UnexpectedResponseError` with the execution id."
  ),
  row(
    "queued",
    "`tools`, `toolHandler` and `attachments` of `executeAsync`",
    "Not sent: the run starts without them.",
    "Rejects with an `InvalidRequestError`, as for all options that the queue does not support."
  ),
  newer(
    "0.4",
    "streamed conversations",
    "`messages` of `steps` and `events`",
    "Are not sent: the run starts without them.",
    "Reject with an `InvalidRequestError`. Do not compile: `'messages' does not exist in type 'StepsOptions'`."
  ),
  row(
    "misspelled options",
    "Options of `new Noukai`, of its calls, of their attachments and tools, and of `resume` that do not exist, such as `apikey`, `baseUrl`, `attemptTimeout`",
    "Are ignored.",
    "Throw or reject with an `InvalidRequestError` before anything is sent: `is not an option: did you mean apiKey?`. Do not compile: `'apikey' does not exist in type 'NoukaiOptions'`."
  ),
  row(
    "checks",
    "Invalid options, signals, timeouts, tool names, attachments, overrides",
    "Throws a bare `TypeError`, or sends them.",
    "Rejects with an `InvalidRequestError` before anything is sent."
  ),
  row(
    "results",
    "Tool results that do not answer the calls",
    "Sends them.",
    "Rejects with an `InvalidRequestError`. Sends only `tool_call_id` and `content` of each result."
  ),
  row(
    "versions",
    "`version: -1`, `version: 1.5`",
    "Sends them.",
    "`execute` rejects with an `InvalidRequestError`. `steps` and `events` throw it at the call."
  ),
  newer(
    "0.4",
    "odd rounds",
    "`maxToolRounds` that is negative, `NaN` or `Infinity`",
    "Counts as given, or as 10.",
    "Rejects with an `InvalidRequestError`. 0 is never, as in 0.4."
  ),
  row(
    "malformed",
    "A 200 without a body, or with HTML",
    "Resolves with an empty object, or rejects with a bare `TypeError`.",
    "Rejects with an `UnexpectedResponseError`."
  ),
  row(
    "unknown statuses",
    "A result with an unknown `status`",
    "Resolves with it.",
    "Rejects with an `UnexpectedResponseError`. Its `result` is the result."
  ),
  row(
    "replayed pauses",
    "A replay of a run that was recorded up to a tool pause",
    "Resolves as completed, with the result `null`.",
    "Rejects with a `ReplayMissError`."
  ),
  row(
    "reads in replay",
    "Traces and polls in a replay",
    "Are requested live.",
    "Throw a `ReplayMissError`. Nothing is requested."
  ),
  row(
    "jobs in replay",
    "`executeAsync` in a replay",
    "Throws a `ReplayError`.",
    "Throws a `ReplayMissError`, a subclass."
  ),
  row(
    "scopes without transport",
    "A replay without `transport`",
    "Fetches the session from the hosted service, without a key.",
    "Rejects with an `InvalidRequestError` before anything is sent."
  ),
  newer(
    "0.4",
    "relay scopes",
    "A relay flow in a replay or a `Budget`",
    "Runs live. It has no budgets.",
    "Rejects before anything is sent, with a `ReplayMissError` or an `InvalidRequestError`."
  ),
  newer(
    "0.4",
    "relay options",
    "Options of `createRelayFlow` and its `execute` that do not exist",
    "Are ignored.",
    "Throw or reject with an `InvalidRequestError`: `is not an option of a relay flow`. `execute` also takes `blockOverrides`, `attachments` and `timeout` as text, such as `\"30 seconds\"`."
  ),
  newer(
    "0.4",
    "relay timeout",
    "A `timeout` of `createRelayFlow` that is 0 or negative",
    "Ends each request at once, after it may have been sent.",
    "Throws an `InvalidRequestError`. A number is in seconds in both."
  ),
  newer(
    "0.4",
    "relay results",
    "A 2xx of a relay that is not a JSON object",
    "Resolves with a result without fields.",
    "Rejects with an `UnexpectedResponseError`."
  ),
  newer(
    "0.4",
    "relay bodies",
    "`new RelayExecuteTransport(…).send(…)` whose response breaks off",
    "Resolves with `{}`.",
    "Rejects with an `APIConnectionError` whose `sent` is `\"yes\"`."
  ),
  newer(
    "0.4",
    "relay requests",
    "Requests of a relay that are not a `POST`, not declared as JSON, too slow, or nested deeper than 64 levels",
    "Are not checked.",
    "405, 415, 408, 400. An unexpected error is a 502 too."
  ),
  row("NOUKAI_ENV", "`NOUKAI_ENV` with an unknown value", "Means production.", "Throws an `InvalidRequestError`."),
  row(
    "broken",
    "An interrupted stream",
    "Throws a bare `TypeError`.",
    "Throws an `APIConnectionError` with the execution id."
  ),
  row(
    "abort",
    "An aborted `signal`",
    "Rejects with an `APIConnectionError`, in `job.wait` only at the next poll.",
    "Rejects at once with the reason of the signal."
  ),
  row(
    "mistakes",
    "Wrong arguments of the client and of `flow()`",
    "A plain `Error`.",
    "An `InvalidRequestError`, which is a `NoukaiError` and an `Error`."
  ),
  newer(
    "0.4",
    "relay connections",
    "A `fetch` of a relay flow that fails, a timeout, and `abort()`",
    "Reject with the error of `fetch`, such as an `AbortError`.",
    "Reject with an `APIConnectionError`, an `APITimeoutError`, and the reason of the signal."
  ),
  newer(
    "0.5",
    "tracer alone",
    "`tracer` without `otel`",
    "Turns nothing on.",
    "Throws an `InvalidRequestError`: `has no effect alone: set otel: true too`. Does not compile: `is not assignable to parameter of type 'NoukaiOptions | undefined'`. Interfaces extend `ClientOptions`, because they cannot extend `NoukaiOptions`."
  ),
  row("close", "Calls after `close()`", "Work.", "Reject with an `APIConnectionError`, as do calls in flight.")
]

/** Rows of fields, names, types and words. */
const named = [
  row(
    "retryAfter",
    "`retryAfter` that is not a number of seconds",
    "`NaN`",
    "Seconds for a date; absent for other text."
  ),
  row(
    "execution ids",
    "`executionId` of an error from the server",
    "Always absent.",
    "Present if the server or the call names a run."
  ),
  row(
    "promised fields",
    "`runId`; `stepId` of `step_paused`",
    "Declared, but absent.",
    "The execution id; the last completed step."
  ),
  row("nulls", "Fields of traces without a value", "`null`", "Absent."),
  row(
    "summary",
    "`trace.summary`, as in its README",
    "Absent.",
    "The sums of the steps: times in milliseconds, `tokens`, `costUsd`. A `Trace` of a test does not compile without it: `Property 'summary' is missing`."
  ),
  row("job errors", "`error` of a job that is an object", "The object.", "Its JSON text, as declared."),
  row(
    "messages",
    "`message` of an error whose body is a list or a text",
    "`[object Object]`",
    "The text of the server."
  ),
  row("wait", "A `wait` that was too short", "The error does not name the run.", "`executionId` names it."),
  row(
    "key order",
    "The keys of events",
    "In the order of the server; `stepIndex` last.",
    "`type`, `runId`, `stepId` and `stepIndex` first."
  ),
  row(
    "scope state",
    "`currentScope()`",
    "Also contains the recordings and counters.",
    "`{ mode, sessionId }`, or `null` outside a session."
  ),
  row(
    "replayed JSON",
    "`requiresToolCalls` in the JSON of a replayed result",
    "Present.",
    "Absent, as in the JSON of any other result."
  ),
  row(
    "retry event",
    "`retry` of `onLog`",
    "`attempt` is the failed attempt.",
    "`attempt` is the next attempt. `delay` is the time until it."
  ),
  row("error event", "`onLog` and broken connections", "No event.", "An event with `phase: \"error\"`."),
  row(
    "live trace",
    "`stepIndex` of `step_completed` in `liveTrace()`",
    "Declared, but absent.",
    "Present."
  ),
  row(
    "attachments on the wire",
    "Attachments in the request",
    "Unchanged.",
    "With `kind: \"url\"` if `kind` is absent, and `mimeType` renamed to `mime_type`."
  ),
  row("production", "`version: \"production\"`", "Throws.", "Is the default: the published version."),
  row("conversations", "`messages`", "Not supported.", "A conversation for `execute`, in place of `message`."),
  row(
    "words",
    "The words of errors that the client makes itself",
    "Its own.",
    "Others, in one line with the fix. Compare classes and codes."
  ),
  row(
    "_transport",
    "`noukai._transport`, and types that contain a client",
    "Has `request`, `stream` and more, marked internal. A flow has one, too.",
    "`noukai._transport` is a value for `traceScope` alone. A flow has none. Does not compile: `Property 'request' does not exist on type 'NoukaiTransport'`."
  ),
  newer(
    "0.5",
    "request version",
    "`version` of an `ExecuteRequest`",
    "0.3.0 has it, 0.5.1 does not.",
    "Does not compile: `'version' does not exist in type 'ExecuteRequest'`. It is part of the path."
  ),
  row(
    "constructors",
    "`new Flow(…)`, `new Run(…)`, `new Job(…)`",
    "Take a place and a transport.",
    "Throw an `InvalidRequestError`. Do not compile: `Expected 0 arguments, but got 1`. Use `noukai.flow(…)`, `flow.run(…)`, `noukai.job(…)`."
  ),
  newer(
    "0.5",
    "made by hand",
    "Objects in place of a `Noukai`, `Flow`, `Run` or `Job`, as in tests",
    "Compile if they have the methods.",
    "Do not compile: `is missing the following properties from type 'Flow'`. Use the emulator. `RelayFlow` takes any object."
  ),
  newer(
    "0.5",
    "own fields",
    "Errors",
    "Have the fields of `NoukaiErrorInit`.",
    "Also have `isRetryable`, and connection errors `sent`. An error of the other package does not compile as one of ours: `Property 'isRetryable' is missing`."
  ),
  newer(
    "0.5",
    "tool calls",
    "`toolCalls` of handlers, pauses and events",
    "Are records.",
    "Are of the type `ToolCall`. A record does not compile as one: `is missing the following properties from type 'ToolCall'`."
  ),
  newer(
    "0.5",
    "wider options",
    "Values that options take",
    "Mutable lists; `timeout` of relay flows is a number.",
    "Also readonly lists, `null`, and durations as text. A program that reads such an option back does not compile: `is not assignable to type 'number | undefined'`."
  ),
  newer(
    "0.5",
    "codes",
    "`ServerErrorCode`",
    "23 codes.",
    "Five more, such as `JOB_NOT_FOUND`."
  ),
  newer(
    "0.5",
    "server requests",
    "The types of requests of the adapters",
    "Have `headers`, and `body` or `rawBody`.",
    "Have the members of requests of Node or `fetch` that the adapters read. Requests of Express 4 and 5, Next.js and Hono compile."
  )
]

/** The rows in the order of their risk. */
const groups = [
  { title: "They cost money, or change a result without an error", rows: silent },
  { title: "They reject or throw where the other client does not, or with another class", rows: refused },
  { title: "They change fields, names, types or words", rows: named }
] as const

export const differences = [...silent, ...refused, ...named]

/** The name of a row. */
export type Reason = (typeof differences)[number]["because"]

/** The rows of a group as Markdown. */
const rowsOf = (rows: ReadonlyArray<Difference>): ReadonlyArray<string> =>
  rows.map(({ ours, reference, since, subject }) =>
    `| ${subject} | ${since === undefined ? "" : `(${since}) `}${reference} | ${ours.replaceAll("|", "\\|")} |`
  )

/** The tables as Markdown. */
export const table = (): string =>
  groups.map(({ rows, title }) =>
    [
      `### ${title}`,
      "",
      "| | `@noukai/sdk` 0.3.0, or as marked | `@effect-noukai/promise` |",
      "| --- | --- | --- |",
      ...rowsOf(rows)
    ].join("\n")
  ).join("\n\n")
