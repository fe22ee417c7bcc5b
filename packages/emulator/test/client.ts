import { Emulator } from "@effect-noukai/emulator"
import { Effect, type Redacted, Redacted as RedactedModule } from "effect"
import { request as send } from "node:http"

/** A value of `JSON.parse`: the tests look into it without a schema. */
export type Parsed = ReturnType<typeof JSON.parse>

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Parsed
}

export interface Client {
  readonly url: string
  readonly request: (
    method: string,
    path: string,
    options?: {
      readonly body?: unknown
      /** sent as it is */
      readonly text?: string
      readonly headers?: { readonly [name: string]: string }
      readonly key?: string | null
      readonly signal?: AbortSignal
    }
  ) => Promise<Response>
  readonly post: (path: string, body: unknown, headers?: { readonly [name: string]: string }) => Promise<Answer>
  readonly get: (path: string, headers?: { readonly [name: string]: string }) => Promise<Answer>
}

const read = async (response: Response): Promise<Answer> => {
  const text = await response.text()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  return { status: response.status, headers: response.headers, text, json }
}

/** A plain client: what any program without an SDK would send. */
export const clientOf = (baseUrl: string, key: Redacted.Redacted<string>): Client => {
  const request: Client["request"] = (method, path, options = {}) => {
    const headers: Record<string, string> = { "content-type": "application/json", ...options.headers }
    const token = options.key === undefined ? RedactedModule.value(key) : options.key
    if (token !== null) headers.authorization = `Bearer ${token}`
    const body = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body))
    return fetch(baseUrl + path, {
      method,
      headers,
      redirect: "manual",
      ...(body === undefined ? {} : { body }),
      ...(options.signal === undefined ? {} : { signal: options.signal })
    })
  }
  return {
    url: baseUrl,
    request,
    post: async (path, body, headers = {}) => read(await request("POST", path, { body, headers })),
    get: async (path, headers = {}) => read(await request("GET", path, { headers }))
  }
}

export const client: Effect.Effect<Client, never, Emulator> = Effect.map(
  Emulator,
  (emulator) => clientOf(emulator.baseUrl, emulator.apiKey)
)

/** Runs a request in a test; a failure of `fetch` is a defect. */
export const call = <A>(f: (client: Client) => Promise<A>): Effect.Effect<A, never, Emulator> =>
  Effect.flatMap(client, (made) => Effect.promise(() => f(made)))

/** With headers that `fetch` does not let a caller set. */
export const statusWith = (
  url: string,
  headers: { readonly [name: string]: string },
  method = "GET",
  body = ""
): Promise<number> =>
  new Promise((resolve, reject) => {
    send(url, { method, headers }, (response) => {
      response.resume()
      response.on("end", () => resolve(response.statusCode ?? 0))
    }).on("error", reject).end(body)
  })
