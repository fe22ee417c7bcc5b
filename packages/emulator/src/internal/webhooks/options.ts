/** Checks the options of webhooks, before the emulator listens. No message has the secret. */
import * as Either from "effect/Either"
import { isIP } from "node:net"
import { EmulatorError } from "../../EmulatorError.js"
import type { Webhooks } from "../../EmulatorOptions.js"
import { isLoopback } from "../server/trustedCaller.js"
import { isTime } from "../time/time.js"

const form = "scheme://address:port and nothing else, such as http://127.0.0.1:8787"

/** Why a value is not an origin on loopback. */
const originMistake = (value: unknown): string | undefined => {
  const text = typeof value === "string" ? value : ""
  const [, host = "", port = ""] = /^https?:\/\/([^/?#@\\\s]+):(\d+)$/.exec(text) ?? []
  if (host === "" || !URL.canParse(text) || String(Number(port)) !== port || port === "0") return `must be ${form}`
  const address = host.replace(/^\[(.*)\]$/, "$1")
  if (new URL(text).hostname !== host) return `must have its address in the usual form: ${form}`
  if (isIP(address) === 0) return `must have an address and not a name: ${form}`
  return isLoopback(address) ? undefined : "must be on this machine, 127.0.0.1 or [::1]: webhooks are sent nowhere else"
}

const timeMistake = (value: unknown): string | undefined =>
  isTime(value) ? undefined : "must be a finite duration of at least 0: milliseconds, or text such as \"30 seconds\""

/** Fails for an option that has none of its values. */
export const checkWebhooks = ({ allow, retries, secret }: Webhooks = {}): Either.Either<void, EmulatorError> => {
  const wrong = (option: string, rule: string) => {
    const path = `webhooks.${option}`
    return Either.left(new EmulatorError({ reason: "Config", path, message: `${path} ${rule}` }))
  }
  if (secret !== undefined && (typeof secret !== "string" || secret.trim() === "")) {
    return wrong("secret", "must be a text that is not empty")
  }
  for (const [name, list, mistakeOf] of [["retries", retries, timeMistake], ["allow", allow, originMistake]] as const) {
    if (list === undefined) continue
    if (!Array.isArray(list)) return wrong(name, "must be a list")
    for (const [place, value] of list.entries()) {
      const mistake = mistakeOf(value)
      if (mistake !== undefined) return wrong(`${name}[${place}]`, `${mistake}, not ${String(value)}`)
    }
  }
  return Either.void
}
