/**
 * Finds the endpoint of a method and path.
 *
 * @see docs/wire.md#endpoints
 */
import * as Either from "effect/Either"
import { ApiError, coded } from "../apiError.js"
import type { FlowAddress } from "../flow/flows.js"

/**
 * The operations of a POST on a flow. Only their paths have a version.
 *
 * @see docs/wire.md#versions
 */
type Action = "execute" | "step" | "jobs"

export type Route =
  | { readonly endpoint: Action; readonly flow: FlowAddress }
  | { readonly endpoint: "job"; readonly flow: FlowAddress; readonly executionId: string }
  | {
    readonly endpoint: "run" | "trace" | "traceStream"
    readonly flow: FlowAddress | undefined
    readonly executionId: string
  }
  | {
    readonly endpoint: "stepTrace"
    readonly flow: FlowAddress | undefined
    readonly executionId: string
    readonly stepId: string
  }
  | { readonly endpoint: "session"; readonly sessionId: string }
  | { readonly endpoint: "runs" | "verifyKey" }

export type EndpointName = Route["endpoint"]

interface Pattern {
  readonly method: "GET" | "POST"
  readonly path: RegExp
  readonly make: (...segments: ReadonlyArray<string | undefined>) => Route
}

const pattern = (method: Pattern["method"], path: string, make: Pattern["make"]): Pattern => ({
  method,
  path: new RegExp(`^/api/v1${path}$`),
  make
})

const addressOf = (org = "", project = "", slug = "", version?: string): FlowAddress => ({
  org,
  project,
  slug,
  // a version that is not a number does not exist
  version: version === undefined ? undefined : /^v\d{1,9}$/.test(version) ? Number(version.slice(1)) : -1
})

const any = "([^/]+)"

const flow = `/seq/${any}/${any}/${any}`

/** The path of a run, below its flow or below `/flow-runs`. */
const run = `(?:${flow}/runs|/flow-runs)/${any}`

const runOf = ([org, project, slug, executionId = ""]: ReadonlyArray<string | undefined>) => ({
  flow: org === undefined ? undefined : addressOf(org, project, slug),
  executionId
})

const patterns: ReadonlyArray<Pattern> = [
  ...(["execute", "step", "jobs"] as const).map((endpoint) =>
    pattern("POST", `${flow}(?:/(v[^/]*))?/${endpoint}`, (...slugs) => ({ endpoint, flow: addressOf(...slugs) }))
  ),
  pattern("GET", `${flow}/jobs/${any}`, (...segments) => {
    const [org, project, slug, executionId = ""] = segments
    return { endpoint: "job", flow: addressOf(org, project, slug), executionId }
  }),
  pattern("GET", run, (...segments) => ({ endpoint: "run", ...runOf(segments) })),
  pattern("GET", `${run}/trace`, (...segments) => ({ endpoint: "trace", ...runOf(segments) })),
  pattern("GET", `${run}/trace/stream`, (...segments) => ({ endpoint: "traceStream", ...runOf(segments) })),
  pattern("GET", `${run}/steps/${any}/trace`, (...segments) => ({
    endpoint: "stepTrace",
    ...runOf(segments),
    stepId: segments[4] ?? ""
  })),
  pattern("GET", `/seq/sessions/${any}`, (sessionId = "") => ({ endpoint: "session", sessionId })),
  pattern("GET", "/flow-runs", () => ({ endpoint: "runs" })),
  pattern("GET", "/keys/verify", () => ({ endpoint: "verifyKey" }))
]

/** The decoded segments of a path. They are never normalised, so that an encoded `../` stays one segment. */
export const segmentsOf = (path: string): ReadonlyArray<string> | undefined => {
  try {
    return path.split("/").slice(1).map(decodeURIComponent)
  } catch {
    return undefined
  }
}

const notFound = coded(404, "NOT_FOUND", "There is no such endpoint.")

/** Matches paths below `/api/v1`. */
export const match = (method: string, path: string): Either.Either<Route, ApiError> => {
  if (segmentsOf(path) === undefined) return Either.left(notFound)
  for (const { make, method: allowed, path: pattern } of patterns) {
    const found = pattern.exec(path)
    if (found === null) continue
    return method === allowed
      ? Either.right(make(...found.slice(1).map((segment) => segment && decodeURIComponent(segment))))
      : Either.left(new ApiError({ status: 405, detail: "Method Not Allowed", headers: { Allow: allowed } }))
  }
  return Either.left(notFound)
}
