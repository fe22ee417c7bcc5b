/** The table of differences, as the README has it. Each row is why behaviours of the suite differ. */

export interface Difference {
  /** The name that `differs` of the suite refers to. */
  readonly because: string
  readonly subject: string
  readonly reference: string
  readonly ours: string
}

const row = (because: string, subject: string, reference: string, ours: string): Difference => ({
  because,
  subject,
  reference,
  ours
})

export const differences: ReadonlyArray<Difference> = [
  row(
    "retries",
    "`execute`, `executeAsync` after a 429 or 5xx",
    "Sends the request again, which may run and bill the flow twice.",
    "Sends a POST again only if it provably never left, or was refused with a 429 that names no run. Reads are repeated, as `maxRetries` says."
  ),
  row(
    "endless",
    "A stream that ends before `flow_completed`",
    "Runs the step again, without end.",
    "Throws an `APIConnectionError` with the execution id."
  ),
  row(
    "unresumed",
    "A streamed tool pause that is not resumed",
    "Runs the step again, without end.",
    "Throws an `InvalidRequestError`: call `event.resume` before the next event is asked for."
  ),
  row(
    "broken",
    "A stream that breaks off",
    "Throws a bare `TypeError`.",
    "Throws an `APIConnectionError` with the execution id."
  ),
  row(
    "clock",
    "`timeout` of a stream",
    "The whole stream: a run longer than 5 minutes is cut off with an `AbortError`.",
    "Each silence: a stream may last as long as it likes, and one that stalls ends with an `APITimeoutError`."
  ),
  row("infinity", "`timeout: Infinity`", "Is 1 ms.", "Is no limit."),
  row(
    "abort",
    "An aborted `signal`",
    "Rejects with an `APIConnectionError`; `job.wait` notices at the next poll.",
    "Rejects with the reason of the signal, at once, wherever the call is."
  ),
  row(
    "failed steps",
    "A step that fails, in `steps()`",
    "Gives a `step_error`, which is no completed step.",
    "Throws a `FlowExecutionError` with `code` and `stepId`. In `events()` it is an event, as before."
  ),
  row(
    "unasked pause",
    "A pause that nobody can answer: no tools sent, or `steps()` without a handler",
    "Hands it out.",
    "Throws an `UnexpectedResponseError` with the execution id."
  ),
  row(
    "cancelled",
    "A job that was cancelled",
    "`wait` polls until its timeout.",
    "`status` is `\"cancelled\"`, and `wait` resolves."
  ),
  row(
    "gateways",
    "A gateway's 404 for a job, 5 seconds after its submission",
    "`wait` rejects with a `FlowNotFoundError`, though the paid run may go on.",
    "`wait` polls again. It rejects only if the answer says that the job does not exist."
  ),
  row("wait", "A `wait` that was too short", "The error names no run.", "`executionId` does."),
  row(
    "malformed",
    "A 200 that is empty or a page",
    "An object without fields, or a bare `TypeError`.",
    "Rejects with an `UnexpectedResponseError`."
  ),
  row(
    "unknown statuses",
    "A result whose `status` nobody knows",
    "Resolves with it.",
    "Rejects with an `UnexpectedResponseError`, whose `result` is the result."
  ),
  row(
    "pauses",
    "A pause without `toolCalls`, or with `accumulatedOutputs: null`",
    "Is handed out as it is.",
    "`toolCalls` are those of the last assistant message, `accumulatedOutputs` is empty."
  ),
  row("job errors", "`error` of a job that is an object", "The object.", "Its JSON text, as the type says."),
  row(
    "messages",
    "`message` of an error whose body is a list or a text",
    "`[object Object]`",
    "What the server said."
  ),
  row(
    "retryAfter",
    "`retryAfter` that is no number of seconds",
    "`NaN`",
    "A date gives seconds, anything else nothing."
  ),
  row(
    "execution ids",
    "`executionId` of an error from the server",
    "Never there.",
    "There if the server names the run, or the call was about one."
  ),
  row(
    "servers",
    "An error that an Express or Koa app does not handle",
    "Noukai's status, such as 401 for a wrong key of yours, goes to the app's caller.",
    "The caller gets a 500; `statusCode` of the error is the same. On servers that read `statusCode` first (Fastify), handle the error."
  ),
  row(
    "mistakes",
    "Wrong arguments of the client and of `flow()`",
    "A plain `Error`.",
    "An `InvalidRequestError`, which is a `NoukaiError` and an `Error`."
  ),
  row(
    "checks",
    "What is of a wrong kind, no JSON, or sure to be refused: options, signals, clocks, tool names, attachments, overrides",
    "Throws a bare `TypeError`, or is sent.",
    "Rejects with an `InvalidRequestError` before anything is sent."
  ),
  row(
    "results",
    "Tool results that do not answer the calls",
    "Are sent.",
    "Reject with an `InvalidRequestError`. Results are rebuilt from `tool_call_id` and `content`: other keys are dropped."
  ),
  row(
    "output",
    "Tool results as `{ tool_call_id, output }`, the README's form",
    "Refused by the server.",
    "Accepted, as are `toolCallId` and content that is no string."
  ),
  row("rounds", "`maxToolRounds: 0`", "Means 10.", "Means 0: the handler never runs."),
  row(
    "resumed session",
    "`sessionId` after a tool round",
    "Is lost.",
    "Stays."
  ),
  row(
    "addresses",
    "Slugs and ids with `/`, `?`, `#`",
    "Lead to another endpoint.",
    "Are encoded, or refused."
  ),
  row("versions", "`version: -1`, `version: 1.5`", "Are sent.", "Reject with an `InvalidRequestError`."),
  row("production", "`version: \"production\"`", "Throws.", "Is the default: what is published."),
  row(
    "draft",
    "`version: \"draft\"`",
    "Runs what is published, if anything is.",
    "Runs the draft. `steps` and `events` refuse it, as the server does."
  ),
  row("frames", "Streams with CRLF, or without a blank line at the end", "Lose events.", "Lose nothing."),
  row(
    "promised fields",
    "`runId`; `stepId` of `step_paused`",
    "Typed as there, but missing.",
    "The execution id; the step that has just completed."
  ),
  row("nulls", "Fields of traces without a value", "`null`", "Left out."),
  row(
    "summary",
    "`trace.summary`, which the README shows",
    "Not there.",
    "Added up from the steps: times in milliseconds, `tokens`, `costUsd`."
  ),
  row(
    "attachments on the wire",
    "Attachments as they are sent",
    "As they are given.",
    "`kind: \"url\"` is added where there is no `kind`, and `mimeType` is called `mime_type`."
  ),
  row("attachments", "`attachments` of `steps` and `events`", "Left out.", "Sent."),
  row(
    "queued",
    "`tools`, `toolHandler` and `attachments` of `executeAsync`",
    "Left out: the run starts without them.",
    "Reject with an `InvalidRequestError`, as does all else that the queue does not take."
  ),
  row("conversations", "`messages`", "Unknown.", "A conversation in place of `message`, for `execute`."),
  row("nested", "A scope in a scope", "Has an id of its own; in a replay it goes live.", "Joins the outer one."),
  row(
    "order of ids",
    "`sessionId` of the client, inside a scope",
    "Wins.",
    "The scope wins; that of a call wins over both."
  ),
  row("empty id", "`replaySessionId: \"\"`", "Throws.", "Counts as none."),
  row(
    "jobs in replay",
    "`executeAsync` in a replay",
    "Throws a `ReplayError`.",
    "Throws a `ReplayMissError`, which is one."
  ),
  row(
    "run paths",
    "The first read of a run that answers 401, 403 or 404",
    "Fails.",
    "Is made once more under `/flow-runs`, which some deployments serve in place of `/seq/…/runs`. The path that answered is remembered."
  ),
  row("reads in replay", "Traces and polls in a replay", "Go live.", "Throw a `ReplayMissError`: nothing goes live."),
  row(
    "scope state",
    "`currentScope()`",
    "Also holds the recordings and the counters.",
    "`{ mode, sessionId }`; outside a session, `null`."
  ),
  row(
    "replayed JSON",
    "`requiresToolCalls` in the JSON of a replayed result",
    "Is there.",
    "Is not, as in that of any other result."
  ),
  row(
    "retry event",
    "`retry` of `onLog`",
    "`attempt` is the one that failed.",
    "`attempt` is the one to come; `delay` says when."
  ),
  row("error event", "`onLog` and broken connections", "Says nothing.", "Says `phase: \"error\"`."),
  row("NOUKAI_ENV", "`NOUKAI_ENV` of another spelling", "Means production.", "Throws an `InvalidRequestError`."),
  row(
    "fetch",
    "A `globalThis.fetch` that was replaced",
    "Is used, and what fails is sent again.",
    "Is used if it was replaced before the client was made, and another one with the option `fetch`. Then nothing is retried, and `sent` is `\"unknown\"` until there is a response."
  ),
  row("close", "Calls after `close()`", "Work.", "Reject with an `APIConnectionError`; those under way end with one.")
]

/** The table as Markdown. */
export const table = (): string =>
  [
    "| | `@noukai/sdk` 0.3.0 | `@effect-noukai/promise` |",
    "| --- | --- | --- |",
    ...differences.map(({ ours, reference, subject }) => `| ${subject} | ${reference} | ${ours} |`)
  ].join("\n")
