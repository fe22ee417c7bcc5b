/** The URL of a relay. Any host is allowed, since no key is sent. */
import * as Either from "effect/Either"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../core/makeError.js"

declare const globalThis: { readonly location?: { readonly href?: unknown } }

export interface RelayUrl {
  readonly origin: string
  readonly path: string
}

/** The base of relative URLs, in a page or a worker. */
const base = (): string | undefined => {
  const href = globalThis.location?.href
  return typeof href === "string" ? href : undefined
}

export const relayUrl = (method: string, url: unknown): Either.Either<RelayUrl, InvalidRequestError> => {
  const wrong = (reason: string) => Either.left(invalid(method, "url", reason))
  const from = base()
  if (typeof url !== "string" || !URL.canParse(url, from)) {
    return wrong(from === undefined ? "must be an absolute URL, as there is no page to start from" : "must be a URL")
  }
  const { hash, origin, password, pathname, protocol, search, username } = new URL(url, from)
  if (protocol !== "http:" && protocol !== "https:") return wrong("must begin with http:// or https://")
  if (username !== "" || password !== "" || hash !== "") return wrong("must hold no user, password or fragment")
  return Either.right({ origin, path: pathname + search })
}
