import { jsonHeaders } from "../jsonAnswer.js"

/** The response to a caller: status, headers and body. */
export interface Answer {
  readonly status: number
  /** JSON text; absent for a status whose responses have no body. */
  readonly body?: string
  readonly headers: Readonly<Record<string, string>>
  /** Whether the request has been read to its end. If not, the server reads on while it sends the response. */
  readonly isRead: boolean
}

export const answer = (status: number, body: string | undefined, isRead: boolean = true): Answer => ({
  status,
  ...(body === undefined ? undefined : { body }),
  headers: body === undefined ? { "cache-control": "no-store" } : jsonHeaders,
  isRead
})

/** The answer to a request that the relay refuses. */
export const refusal = (status: number, code: string, isRead?: boolean): Answer =>
  answer(status, JSON.stringify({ detail: code }), isRead)
