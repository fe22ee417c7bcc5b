/**
 * Finds the endpoint of a method and path.
 *
 * @see contract 4
 */
import * as Either from "effect/Either"
import { ApiError, coded } from "../apiError.js"
import type { FlowAddress } from "../flow/flows.js"

/**
 * The operations of a POST on a flow, the only paths with a version.
 *
 * @see contract 3.1
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

interface Match {
  readonly method: "GET" | "POST"
  readonly route: Route
}

const plain = (org: string, project: string, slug: string): FlowAddress => ({ org, project, slug, version: undefined })

const matchRun = (
  flow: FlowAddress | undefined,
  executionId: string,
  rest: ReadonlyArray<string>
): Match | undefined => {
  const [first, second, third] = rest
  const get = (route: Route): Match => ({ method: "GET", route })
  if (rest.length === 0) return get({ endpoint: "run", flow, executionId })
  if (first === "trace" && rest.length === 1) return get({ endpoint: "trace", flow, executionId })
  if (first === "trace" && second === "stream" && rest.length === 2) {
    return get({ endpoint: "traceStream", flow, executionId })
  }
  if (first === "steps" && second !== undefined && third === "trace" && rest.length === 3) {
    return get({ endpoint: "stepTrace", flow, executionId, stepId: second })
  }
  return undefined
}

const isAction = (segment: string): segment is Action =>
  segment === "execute" || segment === "step" || segment === "jobs"

const matchFlow = (segments: ReadonlyArray<string>): Match | undefined => {
  const [org, project, slug, first, second, ...rest] = segments
  if (org === undefined || project === undefined || slug === undefined || first === undefined) return undefined
  if (second === undefined) {
    return isAction(first) ? { method: "POST", route: { endpoint: first, flow: plain(org, project, slug) } } : undefined
  }
  if (first === "jobs" && rest.length === 0) {
    return { method: "GET", route: { endpoint: "job", flow: plain(org, project, slug), executionId: second } }
  }
  if (first === "runs") return matchRun(plain(org, project, slug), second, rest)
  if (isAction(second) && rest.length === 0 && first.startsWith("v")) {
    // a version that is no number does not exist
    const version = /^v\d{1,9}$/.test(first) ? Number(first.slice(1)) : -1
    return { method: "POST", route: { endpoint: second, flow: { org, project, slug, version } } }
  }
  return undefined
}

const matchSegments = (segments: ReadonlyArray<string>): Match | undefined => {
  const [root, first, second, ...rest] = segments
  if (root === "seq" && first === "sessions" && second !== undefined && rest.length === 0) {
    return { method: "GET", route: { endpoint: "session", sessionId: second } }
  }
  if (root === "seq") return matchFlow(segments.slice(1))
  if (root === "flow-runs") {
    return first === undefined
      ? { method: "GET", route: { endpoint: "runs" } }
      : matchRun(undefined, first, segments.slice(2))
  }
  if (root === "keys" && first === "verify" && second === undefined) {
    return { method: "GET", route: { endpoint: "verifyKey" } }
  }
  return undefined
}

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
  const segments = segmentsOf(path)
  if (segments === undefined || segments[0] !== "api" || segments[1] !== "v1") return Either.left(notFound)
  if (segments.includes("")) return Either.left(notFound)
  const found = matchSegments(segments.slice(2))
  if (found === undefined) return Either.left(notFound)
  if (found.method !== method) {
    return Either.left(
      new ApiError({ status: 405, detail: "Method Not Allowed", headers: { Allow: found.method } })
    )
  }
  return Either.right(found.route)
}
