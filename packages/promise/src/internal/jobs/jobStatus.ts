/** Translates job statuses of the SDK. */
import type * as Sdk from "@effect-noukai/sdk/Job"
import { digitsAt, digitsOf, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import type { JobStatus } from "../../JobStatus.js"
import { overReceived, resultField } from "../json.js"

const textOf = (status: Sdk.JobFailed | Sdk.JobCancelled): { readonly error?: string } => {
  const { error } = status
  return error === undefined || error === null
    ? {}
    : { error: typeof error === "string" ? error : stringifyJson(error, digitsAt(digitsOf(status), "error")) }
}

const declared = (status: Sdk.JobStatus): JobStatus => {
  const { executionId } = status
  switch (status.status) {
    case "pending":
    case "running":
      return { executionId, status: status.status }
    case "completed":
      return { executionId, status: "completed", ...resultField(status.raw, status.result) }
    case "failed":
    case "cancelled":
      return { executionId, status: status.status, ...textOf(status) }
    case "unknown":
      // an unknown status keeps the server's name
      return { executionId, status: status.reported as JobStatus["status"] }
  }
}

export const jobStatus = (status: Sdk.JobStatus): JobStatus => overReceived(status.raw, declared(status))
