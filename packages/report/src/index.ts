/**
 * Pictures, differences and reports of runs.
 *
 * @since 0.1.0
 */
export * as CassetteDiff from "./CassetteDiff.js"
export * as HtmlReport from "./HtmlReport.js"
export { keepSession, redactedPaths } from "./KeptSession.js"
export type { CasesFile, KeptSession } from "./KeptSession.js"
export * as Reconcile from "./Reconcile.js"
export * as StoredRuns from "./StoredRuns.js"
export * as TraceDiff from "./TraceDiff.js"
export * as TraceLayout from "./TraceLayout.js"
export * as TraceSpans from "./TraceSpans.js"
export * as Waterfall from "./Waterfall.js"
