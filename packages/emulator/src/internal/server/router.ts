/**
 * Finds the endpoint of a method and path.
 *
 * @see docs/wire.md#endpoints
 */
import type { Endpoint } from "@effect-noukai/sdk/kit/endpoints"
import * as Either from "effect/Either"
import * as Record from "effect/Record"
import { ApiError, coded } from "../apiError.js"
import type { FlowAddress } from "../flow/flows.js"
import { served, type ServedFields, type ServedName, servedNames } from "./served.js"

/** The parts of the path below which an endpoint is. */
interface Places {
  readonly api: unknown
  readonly flow: { readonly flow: FlowAddress }
  readonly version: { readonly flow: FlowAddress }
  readonly run: { readonly flow: FlowAddress | undefined; readonly executionId: string }
}

/** The endpoint of a request, with the parts of its path. */
export type Route<N extends ServedName = ServedName> = {
  readonly [K in N]: { readonly endpoint: K } & Places[(typeof served)[K]["under"]] & ServedFields<K>
}[N]

const part = (name: string): string => `(?<${name}>[^/]+)`

const flow = `/seq/${part("org")}/${part("project")}/${part("slug")}`

const places: { readonly [Under in Endpoint["under"]]: string } = {
  api: "",
  flow,
  version: `${flow}(?:/(?<version>v[^/]*))?`,
  run: `(?:${flow}/runs|/flow-runs)/${part("executionId")}`
}

const patterns = servedNames.map((endpoint) => {
  const { method, path, under } = served[endpoint]
  const rest = path.replace(/\{(\w+)\}/g, (_, name: string) => part(name))
  return { endpoint, method, path: new RegExp(`^/api/v1${places[under]}${rest}$`) }
})

/** The address of a path below a flow. */
const addressOf = ({ org = "", project = "", slug = "", version }: Parts): FlowAddress => ({
  org,
  project,
  slug,
  // a version that is not a number does not exist
  version: version === undefined ? undefined : /^v\d{1,9}$/.test(version) ? Number(version.slice(1)) : -1
})

interface Parts {
  readonly [name: string]: string | undefined
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
  if (segmentsOf(path) === undefined) return Either.left(notFound)
  for (const { endpoint, method: allowed, path: pattern } of patterns) {
    const found = pattern.exec(path)
    if (found === null) continue
    if (method !== allowed) {
      return Either.left(new ApiError({ status: 405, detail: "Method Not Allowed", headers: { Allow: allowed } }))
    }
    const parts: Parts = Record.map(found.groups ?? {}, (segment?: string) => segment && decodeURIComponent(segment))
    // the parts are those of its pattern, which was made of the same table as the type
    return Either.right(
      { ...parts, endpoint, flow: parts.org === undefined ? undefined : addressOf(parts) } as unknown as Route
    )
  }
  return Either.left(notFound)
}
