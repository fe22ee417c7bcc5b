/**
 * Pictures, differences and reports of runs.
 *
 * @since 0.1.0
 */
export * as HtmlReport from "./HtmlReport.js"
export { keepSession } from "./KeptSession.js"
export type { CasesFile, KeptSession } from "./KeptSession.js"
export * as Reconcile from "./Reconcile.js"
export * as TraceDiff from "./TraceDiff.js"
export * as TraceLayout from "./TraceLayout.js"
export * as Waterfall from "./Waterfall.js"
