/** One request to a relay, over `fetch`. */
import { stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import { APIConnectionError, APITimeoutError, type Sent } from "../../NoukaiError.js"
import { onAbort } from "../client/signals.js"
import type { Json } from "../json.js"
import { refusal } from "../options/reading.js"

export interface RelayTarget {
  readonly url: string
  /** Default: the global `fetch` of the moment. */
  readonly fetch: typeof globalThis.fetch | undefined
  /** Milliseconds for one request, its body included. */
  readonly timeout: number
}

export interface RelayResponse {
  readonly status: number
  readonly header: (name: string) => string | undefined
  readonly text: string
  /** When the response arrived, in milliseconds since 1970. */
  readonly at: number
}

/** Returns the value of `work`, or rejects with the reason of the signal if it aborts first. */
export const untilAborted = <A>(signal: AbortSignal | undefined, work: () => Promise<A>): Promise<A> => {
  if (signal === undefined) return work()
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise<A>((resolve, reject) => {
    const leave = onAbort([signal], () => {
      leave()
      reject(signal.reason)
    })
    work().then(resolve, reject).finally(leave)
  })
}

/** The longest delay of a timer, in milliseconds. A longer one would fire at once. */
const maxDelay = 2_147_483_647

const billed = "the run may have started and may be billed"

/** Returns the JSON text of a body. Throws a refusal if it has none. */
const jsonOf = (operation: string, body: Json, executionId: string | undefined): string => {
  try {
    return stringifyJson(body)
  } catch (cause) {
    throw refusal(operation, "options", "must be JSON", { executionId, cause })
  }
}

/**
 * Sends one POST and reads the response, of any status. Rejects with an `APITimeoutError`, with an `APIConnectionError`
 * if `fetch` or the response fails, with the reason of the signal, and with a refusal before anything is sent if the body
 * is not JSON.
 */
export const postJson = async (
  operation: string,
  { fetch, timeout, url }: RelayTarget,
  payload: Json,
  signal: AbortSignal | undefined,
  executionId?: string
): Promise<RelayResponse> => {
  const body = jsonOf(operation, payload, executionId)
  const own = new AbortController()
  let sent: Sent = "unknown"
  const timer = timeout > maxDelay ? undefined : setTimeout(() => {
    const message = `${operation}: the relay did not answer within ${timeout / 1000} s; ${billed}`
    own.abort(new APITimeoutError(message, { clock: "attempt", sent, executionId }))
  }, timeout)
  const exchange = async (): Promise<RelayResponse> => {
    const send = fetch ?? globalThis.fetch
    const headers = { "Content-Type": "application/json" }
    const response = await send(url, { method: "POST", headers, body, redirect: "manual", signal: own.signal })
    if (typeof response?.status !== "number") throw new TypeError("fetch did not return a Response")
    sent = "yes"
    return {
      // a page sees a redirect that it does not follow as status 0
      status: response.status === 0 ? 302 : response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      text: await response.text(),
      at: Date.now()
    }
  }
  try {
    return await untilAborted(signal, () =>
      untilAborted(own.signal, () =>
        exchange().catch((cause: unknown) => {
          const reason = cause instanceof Error ? cause.message : String(cause)
          const message = `${operation}: the connection to the relay failed: ${reason}; ${billed}`
          throw new APIConnectionError(message, { sent, executionId, cause })
        })))
  } catch (error) {
    own.abort(error)
    throw error
  } finally {
    clearTimeout(timer)
  }
}
