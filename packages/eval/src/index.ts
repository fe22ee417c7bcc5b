/**
 * A release gate for flows: compares two versions of a flow on your cases, by your checks.
 *
 * @since 0.1.0
 */
export * as Baseline from "./Baseline.js"
export * as Check from "./Check.js"
export * as Eval from "./Eval.js"
export { EvalFileError, EvalNotFoundError, InvalidEvalError } from "./EvalError.js"
export type { EvalError } from "./EvalError.js"
export * as EvalFile from "./EvalFile.js"
export * as EvalReport from "./EvalReport.js"
export type { EvalRun, JudgeRun, Outcome } from "./EvalRun.js"
export * as Marks from "./Marks.js"
export * as ReportFormat from "./ReportFormat.js"
