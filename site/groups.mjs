/** The modules of each package in the order in which a reader looks for them. The reference and its sidebar show these groups. */

const groups = {
  sdk: {
    "Begin": ["", "Noukai", "NoukaiConfig"],
    "Run flows": ["FlowService", "Flow", "Execution", "FlowEvent", "FlowCursor", "Tools", "Budget"],
    "Jobs, runs, sessions": ["JobService", "Job", "Webhook", "RunService", "SessionService"],
    "Record and replay": ["NoukaiRecord", "NoukaiReplay", "Cassette", "TraceScope"],
    "Traces and telemetry": ["Trace", "ValueDiff", "Telemetry"],
    "Errors": ["NoukaiError", "ErrorResponse"],
    "Tests": ["testing"],
    "Build on it": ["NoukaiHttp", "Relay", "SafeText"]
  },
  promise: {
    "Begin": ["", "Noukai", "NoukaiOptions"],
    "Run flows": ["Flow", "FlowOptions", "ExecuteResult", "StoredRun", "StreamEvent", "Tool", "Budget"],
    "Schemas": ["TypedFlow", "TypedTool", "Schemas"],
    "Jobs, runs, sessions": ["Job", "JobStatus", "webhook", "Run", "Trace", "TraceScope"],
    "Errors": ["NoukaiError", "ServerErrorCode"],
    "Record and replay": ["testing"],
    "Pages": ["react", "page", "relay"],
    "Logs, Effect, other runtimes": [
      "LogEvent",
      "effect",
      "NoukaiPromise",
      "runtime",
      "RuntimeModels",
      "NoukaiTransport",
      "Version"
    ]
  },
  effect4: {
    "Begin": ["", "Noukai", "NoukaiOptions", "NoukaiHttp"],
    "Run flows": ["FlowService", "Flow", "Execution", "FlowEvent", "Tools", "Budget"],
    "Jobs, runs, sessions": ["JobService", "RunService", "SessionService"],
    "Record and replay": ["testing", "NoukaiRecord", "NoukaiReplay", "ReplayCassette", "TraceScope"],
    "Errors": ["NoukaiError"]
  },
  adapters: {
    "Servers": ["", "express", "nextjs", "web", "platform"],
    "Relays, pages and webhooks": ["FlowRelay", "Page", "Relay", "Webhooks"],
    "Options and responses": ["SessionsOptions", "ErrorAnswer", "ReplayAnswer"]
  },
  emulator: {
    "Start it": ["", "Emulator", "startEmulator", "EmulatorOptions", "EmulatorService", "Account"],
    "Flows and faults": ["Flow", "FlowFile", "samples", "Fault"],
    "Runs and requests": ["EmulatorLedger", "EmulatorRuns"],
    "Conformance": ["Conformance", "ConformanceCase"],
    "Errors": ["EmulatorError"]
  },
  report: {
    "Pictures and pages": ["", "Waterfall", "TraceLayout", "HtmlReport"],
    "Stored runs": ["StoredRuns", "TraceSpans"],
    "Comparisons": ["TraceDiff", "CassetteDiff", "Reconcile"],
    "Tests": ["KeptSession", "testing"]
  },
  batch: {
    "Run a batch": ["", "Batch", "BatchSource", "promise"],
    "Results": ["BatchStatus", "BatchRow", "BatchReport"],
    "Ledgers": ["BatchStore", "postgres"],
    "Many machines": ["BatchEngine", "cluster"],
    "Errors": ["BatchError"]
  },
  eval: {
    "Run an eval": ["", "Eval", "EvalOptions", "EvalFile", "promise"],
    "Checks": ["Check", "EvalRun", "Marks", "Pattern"],
    "Verdicts and reports": ["EvalReport", "ReportFormat", "Baseline"],
    "Errors": ["EvalError"]
  },
  mcp: {
    "Flows as tools": ["", "McpServer", "McpConfig"],
    "Tools in flows": ["client"],
    "The command": ["McpCommand"],
    "Errors": ["McpConfigError"]
  },
  studio: {
    "Start it": ["", "Studio"],
    "Sources of runs": ["StudioSource", "EmulatorSource", "HostedSource", "LedgerSource", "RunList"],
    "Parts of a studio": ["StudioEmulator", "StudioLedgers", "StudioRunner"],
    "API of the page": [
      "StudioApi",
      "RunsApi",
      "CompareApi",
      "RunAgainApi",
      "KeepApi",
      "FindApi",
      "BatchesApi",
      "ReconcileApi",
      "NumbersApi",
      "EvalsApi",
      "EmulatorApi"
    ]
  }
}

/**
 * Returns the packages with their groups, and in each group the entries of its modules. `entries` have the name under which a
 * program imports their module. Fails if a module has no group, or a group names a module that is not there.
 */
export const grouped = (entries) => {
  const left = new Map(entries.map((entry) => [entry.name.replace("@effect-noukai/", ""), entry]))
  const found = Object.entries(groups).map(([name, parts]) => ({
    name,
    groups: Object.entries(parts).map(([title, modules]) => ({
      title,
      modules: modules.map((module) => {
        const path = module === "" ? name : `${name}/${module}`
        const entry = left.get(path)
        if (entry === undefined) throw new Error(`site/groups.mjs: there is no module ${path}`)
        left.delete(path)
        return { title: module === "" ? entry.name : module, entry }
      })
    }))
  }))
  if (left.size > 0) throw new Error(`site/groups.mjs: no group has ${[...left.keys()].join(", ")}`)
  return found
}
