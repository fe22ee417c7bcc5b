/** Requests to the studio's server. Types alone come from its API: nothing of Effect is in the page. */
import { parseJson } from "@effect-noukai/sdk/kit/plainJson"
import type { HttpApiEndpoint } from "@effect/platform/HttpApiEndpoint"
import type { StudioApi } from "../../src/StudioApi.js"
import { routes } from "./routes.js"

export type * from "../../src/BatchesApi.js"
export type * from "../../src/CompareApi.js"
export type * from "../../src/EmulatorApi.js"
export type * from "../../src/EvalsApi.js"
export type * from "../../src/FindApi.js"
export type * from "../../src/KeepApi.js"
export type * from "../../src/NumbersApi.js"
export type * from "../../src/ReconcileApi.js"
export type * from "../../src/RunAgainApi.js"
export type * from "../../src/RunsApi.js"

type Group = (typeof StudioApi)["groups"][string]

type Named<G, E> = G extends Group
  ? E extends HttpApiEndpoint.Any ? { readonly name: `${G["identifier"]}.${E["name"]}`; readonly endpoint: E } : never
  : never

type NamedOf<G> = G extends Group ? Named<G, G["endpoints"][string]> : never

/** The endpoints of the API. */
type All = NamedOf<Group>

/** The name of an endpoint, after its group: `runs.list`. */
export type Endpoint = All["name"]

type Of<Name extends Endpoint> = Extract<All, { readonly name: Name }>["endpoint"]

/** The type check fails if an endpoint has no route. */
const routeOf: { readonly [Name in Endpoint]: { readonly method: Of<Name>["method"]; readonly path: string } } = routes

type Given<Parameters> = [Parameters] extends [never] ? unknown : Parameters

/** The parameters of an endpoint: those of its path and of its query. */
export type Params<Name extends Endpoint> = Name extends Endpoint
  ? Given<HttpApiEndpoint.PathParsed<Of<Name>>> & Given<HttpApiEndpoint.UrlParams<Of<Name>>>
  : never

/** The answer of an endpoint. */
export type Answer<Name extends Endpoint> = HttpApiEndpoint.Success<Of<Name>>

type Reads<Name extends Endpoint> = Name extends Endpoint ? Of<Name>["method"] extends "GET" ? Name : never : never

/** The endpoints that answer with JSON, and those that answer with a file or with events. */
export type Read = { [Name in Reads<Endpoint>]: Answer<Name> extends string ? never : Name }[Reads<Endpoint>]
export type TextRead = Exclude<Reads<Endpoint>, Read>

/** The endpoints that change something. */
export type Write = Exclude<Endpoint, Reads<Endpoint>>

/** A read that failed. Status 0: no answer arrived. */
export class ReadError extends Error {
  constructor(readonly status: number, message: string, readonly advice: string | undefined) {
    super(message)
  }
}

/** Returns the path with its parameters, and the others as its query. */
export const filled = (path: string, params: object): string => {
  const left = new Map<string, unknown>(Object.entries(params))
  const begin = path.replace(/:(\w+)/g, (_, name: string) => {
    const value = left.get(name)
    left.delete(name)
    return encodeURIComponent(String(value))
  })
  const query = new URLSearchParams()
  for (const [name, value] of left) if (value !== undefined) query.set(name, String(value))
  return `${begin}${query.size === 0 ? "" : `?${query}`}`
}

/** Returns the address of a read. */
export const addressOf = <Name extends Read | TextRead>(name: Name, params: Params<Name>): string =>
  filled(routeOf[name].path, Object(params))

type Payload<Name extends Write> = HttpApiEndpoint.Payload<Of<Name>>

/** Sends a request that changes something. A blob is a payload that is JSON already. Rejects as `fetch` does. */
export const send = <Name extends Write>(
  name: Name,
  ...[payload]: [Payload<Name>] extends [never] ? [] : [payload: Payload<Name> | Blob]
): Promise<Response> => {
  const { method, path } = routeOf[name]
  return fetch(path, {
    method,
    ...payload !== undefined && {
      body: payload instanceof Blob ? payload : JSON.stringify(payload),
      headers: { "content-type": "application/json" }
    }
  })
}

/** The longest time without a byte of an answer, in milliseconds. */
const patience = 15_000

const silent = (): ReadError =>
  new ReadError(
    504,
    `No answer came for ${patience / 1_000} seconds.`,
    "The server whose runs are shown may hang. Try again: that asks anew."
  )

/** The text of a response. `heard` is called for each part that arrives. */
const textOf = async (response: Response, heard: () => void): Promise<string> => {
  const reader = response.body?.getReader()
  if (reader === undefined) return response.text()
  const decoder = new TextDecoder()
  const parts: Array<string> = []
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    heard()
    parts.push(decoder.decode(part.value, { stream: true }))
  }
  return parts.join("") + decoder.decode()
}

/** Rejects with a {@link ReadError}, after 15 seconds without a byte too, or as `fetch` does if the signal aborts. */
export const read = async <Name extends Read>(
  name: Name,
  params: Params<Name>,
  signal: AbortSignal
): Promise<Answer<Name>> => {
  const hanging = new AbortController()
  let timer: number | undefined
  const heard = (): void => {
    window.clearTimeout(timer)
    timer = window.setTimeout(() => hanging.abort(), patience)
  }
  heard()
  try {
    return await answerOf<Name>(addressOf(name, params), AbortSignal.any([signal, hanging.signal]), heard)
  } catch (error) {
    throw hanging.signal.aborted && !signal.aborted ? silent() : error
  } finally {
    window.clearTimeout(timer)
  }
}

const answerOf = async <Name extends Read>(
  address: string,
  signal: AbortSignal,
  heard: () => void
): Promise<Answer<Name>> => {
  const response = await fetch(address, { signal }).catch((cause: unknown) => {
    if (signal.aborted) throw cause
    throw new ReadError(0, "The studio does not answer.", "It may have been stopped. The page reconnects by itself.")
  })
  heard()
  const body = await textOf(response, heard).then(parseJson).catch((cause: unknown) => {
    if (signal.aborted) throw cause
    return undefined
  }) as { readonly message?: string; readonly advice?: string } | undefined
  if (response.ok && body !== undefined) return body as Answer<Name>
  if (response.status === 401 || response.status === 403) {
    throw new ReadError(response.status, "This page has no access.", "Open the address that the command printed.")
  }
  throw new ReadError(response.status, body?.message ?? `The studio answered ${response.status}.`, body?.advice)
}

/** The handlers of a stream's events, by their names. `hello` is the first event of each connection. */
export interface StreamHandlers {
  readonly hello: (serverId: string) => void
  readonly lost: () => void
  readonly events: { readonly [name: string]: (data: never) => void }
}

/** The first and the longest time until a stream that broke is opened again, in milliseconds. */
const delays = { first: 250, most: 4_000 }

/**
 * Reads server-sent events until the signal aborts. A connection that breaks is opened again. A page that is not
 * visible holds no connection, of which a browser has few: it opens one when it is visible again.
 */
export const stream = <Name extends TextRead>(
  name: Name,
  params: Params<Name>,
  handlers: StreamHandlers,
  signal: AbortSignal
): void => {
  let source: EventSource | undefined
  let timer: number | undefined
  let delay = delays.first
  const close = (): void => {
    source?.close()
    source = undefined
    window.clearTimeout(timer)
  }
  const open = (): void => {
    close()
    const opened = source = new EventSource(addressOf(name, params))
    const on = (event: string, handle: (data: never) => void): void =>
      opened.addEventListener(event, ({ data }: MessageEvent<string>) => {
        if (source === opened) handle(JSON.parse(data === "" ? "null" : data) as never)
      })
    on("hello", ({ id }: { readonly id: string }) => {
      delay = delays.first
      handlers.hello(id)
    })
    for (const [event, handle] of Object.entries(handlers.events)) on(event, handle)
    opened.onerror = () => {
      if (source !== opened) return
      close()
      timer = window.setTimeout(open, delay)
      delay = Math.min(2 * delay, delays.most)
      handlers.lost()
    }
  }
  document.addEventListener("visibilitychange", () => document.hidden ? close() : open(), { signal })
  window.addEventListener("online", open, { signal })
  signal.addEventListener("abort", close)
  if (!document.hidden) open()
}

/**
 * Reads server-sent events once: a stream that breaks is not opened again. `lost`: it broke, or the server refused it. The
 * stream ends when the signal aborts.
 */
export const streamOnce = <Name extends TextRead>(
  name: Name,
  params: Params<Name>,
  { events, lost }: Pick<StreamHandlers, "events" | "lost">,
  signal: AbortSignal
): void => {
  const source = new EventSource(addressOf(name, params))
  signal.addEventListener("abort", () => source.close())
  for (const [event, handle] of Object.entries(events)) {
    source.addEventListener(event, ({ data }: MessageEvent<string>) => {
      if (!signal.aborted) handle(JSON.parse(data === "" ? "null" : data) as never)
    })
  }
  source.onerror = () => {
    source.close()
    if (!signal.aborted) lost()
  }
}
