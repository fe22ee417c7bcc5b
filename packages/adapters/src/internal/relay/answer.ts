import { type JsonAnswer, jsonHeaders } from "../jsonAnswer.js"

interface Answer extends JsonAnswer {
  readonly isRead: boolean
}

/** @internal */
export const answer = (status: number, body: string | undefined, isRead: boolean = true): Answer => ({
  status,
  ...(body === undefined ? undefined : { body }),
  headers: body === undefined ? { "cache-control": "no-store" } : jsonHeaders,
  isRead
})

/**
 * The answer to a request that the relay refuses.
 *
 * @internal
 */
export const refusal = (status: number, code: string, isRead?: boolean): Answer =>
  answer(status, JSON.stringify({ detail: code }), isRead)
