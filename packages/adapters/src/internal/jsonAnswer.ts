/**
 * An answer of ours, on any server.
 *
 * @internal
 */
export interface JsonAnswer {
  readonly status: number
  readonly body: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

/**
 * The headers of an answer of ours. None is for a cache to give to somebody else.
 *
 * @internal
 */
export const jsonHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-type": "application/json"
}

/** @internal */
export const jsonAnswer = ({ body, status }: { readonly status: number; readonly body: unknown }): JsonAnswer => ({
  status,
  body: JSON.stringify(body),
  headers: jsonHeaders
})
