/**
 * The official client, the peer of most suites.
 */
import { Noukai } from "@noukai/sdk"
import { apiKey } from "./Fixtures.js"

/** The name of its rows. */
export const official = "@noukai/sdk 0.3.0"

export interface OfficialClient {
  readonly client: Noukai
  readonly close: () => void
}

/** It only knows `localhost:8080`: what it sends there goes to `port`, until it is closed. */
export const makeOfficialClient = (port: number): OfficialClient => {
  const original = globalThis.fetch
  const from = "http://localhost:8080/"
  globalThis.fetch = (input, init) => {
    const url = typeof input === "string" ? input : input instanceof URL ? input.href : input.url
    return original(url.startsWith(from) ? `http://127.0.0.1:${port}/${url.slice(from.length)}` : input, init)
  }
  return {
    client: new Noukai({ apiKey, env: "dev" }),
    close: () => {
      globalThis.fetch = original
    }
  }
}
