/**
 * The endpoints of the API: of each its method, its path, its query and its span. The client makes its requests, its
 * reads and the names of its spans from this table, the emulator its routes, and rules of faults their names. It needs
 * no Effect.
 *
 * @see docs/wire.md#endpoints
 */

/** An endpoint with one place in the API. */
export interface Endpoint {
  readonly method: "GET" | "POST"
  /**
   * The path below which it is: `flow`, the path of a flow; `version`, of a flow and its version; `run`, of a run
   * below its flow or below `/flow-runs`; `api`, the base URL.
   */
  readonly under: "flow" | "version" | "run" | "api"
  /** The rest of the path. `{name}` is a field of the request. */
  readonly path: string
  /** The fields of the request that its query has, by their names there. */
  readonly query?: { readonly [parameter: string]: string }
  /** Whether it answers with events. Default: with one response. */
  readonly streams?: true
  /** The name of the span of its operation. Absent: its callers name the span. */
  readonly span?: `noukai.${string}`
}

export const endpoints = {
  execute: { method: "POST", under: "version", path: "/execute", span: "noukai.flow.execute" },
  step: { method: "POST", under: "version", path: "/step", streams: true },
  submitJob: { method: "POST", under: "version", path: "/jobs", span: "noukai.flow.execute_async" },
  pollJob: { method: "GET", under: "flow", path: "/jobs/{executionId}", span: "noukai.job.poll" },
  runSummary: { method: "GET", under: "run", path: "", span: "noukai.run.summary" },
  trace: { method: "GET", under: "run", path: "/trace", span: "noukai.run.trace" },
  traceStream: { method: "GET", under: "run", path: "/trace/stream", streams: true, span: "noukai.run.live_trace" },
  stepTrace: {
    method: "GET",
    under: "run",
    path: "/steps/{stepId}/trace",
    query: { attempt: "attempt", loop_index: "loopIndex" },
    span: "noukai.run.step_trace"
  },
  runList: {
    method: "GET",
    under: "api",
    path: "/flow-runs",
    query: { flow_id: "flowId", limit: "limit", status: "status", cursor: "cursor" },
    span: "noukai.run.list"
  },
  session: { method: "GET", under: "api", path: "/seq/sessions/{sessionId}", span: "noukai.session" },
  verifyKey: { method: "GET", under: "api", path: "/keys/verify" }
} as const satisfies { readonly [name: string]: Endpoint }

/** The name of an endpoint, which is the name of its operation. */
export type EndpointName = keyof typeof endpoints

/** The endpoints by their names. */
export const endpointNames = Object.keys(endpoints) as ReadonlyArray<EndpointName>

/** The names of the spans of operations, by the names of their endpoints. */
export type EndpointSpans = {
  readonly [N in EndpointName as (typeof endpoints)[N] extends { readonly span: string } ? N : never]:
    (typeof endpoints)[N] extends { readonly span: infer Span } ? Span : never
}

/** The names of the spans of operations. */
// the entries are those of the table from which the type is made
export const endpointSpans = Object.fromEntries(
  endpointNames.flatMap((name) => {
    const { span }: Endpoint = endpoints[name]
    return span === undefined ? [] : [[name, span]]
  })
) as EndpointSpans

type Fields<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | Fields<Rest> : never

/** The fields that the path of an endpoint has behind the path of its flow or run. */
export type PathFields<N extends EndpointName> = {
  readonly [Name in Fields<(typeof endpoints)[N]["path"]>]: string
}

/** The name of an endpoint that answers with events. */
export type StreamName = {
  readonly [N in EndpointName]: (typeof endpoints)[N] extends { readonly streams: true } ? N : never
}[EndpointName]

/** Whether an endpoint answers with events. */
export const isStream = (name: string): name is StreamName =>
  Object.hasOwn(endpoints, name) && "streams" in endpoints[name as EndpointName]

/** The endpoints that answer with events. */
export const streamNames: ReadonlyArray<StreamName> = endpointNames.filter(isStream)

const text = (value: unknown): string => encodeURIComponent(String(value))

/** The path and the query of a request, behind the path of its flow or run. A field that is `undefined` is left out. */
export const restOf = (name: EndpointName, request: object): string => {
  const { path, query = {} }: Endpoint = endpoints[name]
  const fields: { readonly [field: string]: unknown } = { ...request }
  const parameters = Object.entries(query).flatMap(([parameter, field]) =>
    fields[field] === undefined ? [] : [`${parameter}=${text(fields[field])}`]
  )
  return path.replace(/\{(\w+)\}/g, (_, field: string) => text(fields[field])) +
    (parameters.length === 0 ? "" : `?${parameters.join("&")}`)
}
