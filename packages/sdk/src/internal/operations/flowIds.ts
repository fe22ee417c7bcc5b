/**
 * The server's ids of flows, as a client has learnt them from its runs and jobs: the list of runs takes an id, and there
 * is no endpoint that gives the one of an address.
 *
 * @see contract 9.6
 * @internal
 */
import type { HttpService } from "./operations.js"

/** The addresses that one client remembers; the ones learnt first are forgotten first. */
const capacity = 1_000

const byClient = new WeakMap<HttpService, Map<string, string>>()

/** @internal */
export const rememberFlowId = (http: HttpService, addressText: string, flowId: string | null | undefined): void => {
  if (!flowId) return
  let known = byClient.get(http)
  if (known === undefined) byClient.set(http, known = new Map())
  if (known.get(addressText) === flowId) return
  known.delete(addressText)
  known.set(addressText, flowId)
  if (known.size > capacity) { for (const [oldest] of known) return void known.delete(oldest) }
}

/** @internal */
export const knownFlowId = (http: HttpService, addressText: string): string | undefined =>
  byClient.get(http)?.get(addressText)
