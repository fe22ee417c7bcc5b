import { digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"

/** A response of this package, on any server. */
export interface JsonAnswer {
  readonly status: number
  readonly body?: string
  readonly headers: Readonly<Record<string, string>>
}

/** The headers of such a response. They forbid caches to keep it. */
export const jsonHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-type": "application/json"
}

export const jsonAnswer = (
  { body, headers, status }: {
    readonly status: number
    readonly body: unknown
    readonly headers?: Readonly<Record<string, string>>
  }
): JsonAnswer => ({
  status,
  body: stringifyJson(body, digitsWithin(body)),
  headers: headers === undefined ? jsonHeaders : { ...headers, ...jsonHeaders }
})
