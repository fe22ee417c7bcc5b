/**
 * One flow over a data set: each row once, across crashes, on one machine or many.
 *
 * @since 0.1.0
 */
export * as Batch from "./Batch.js"
export { BatchEngine } from "./BatchEngine.js"
export {
  BatchConflictError,
  type BatchError,
  BatchLockedError,
  BatchNotFoundError,
  BatchReportError,
  BatchSourceError,
  BatchStoreError,
  InvalidBatchError,
  type LedgerError
} from "./BatchError.js"
export * as BatchReport from "./BatchReport.js"
export type { RefusedRow, RowAttempt, RowError, RowResult, RowState } from "./BatchRow.js"
export * as BatchSource from "./BatchSource.js"
export { BatchStore } from "./BatchStore.js"
