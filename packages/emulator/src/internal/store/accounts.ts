/**
 * The accepted keys and the credits of organisations.
 *
 * @see docs/wire.md#servers-and-keys
 * @see docs/wire.md#emulator
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Either from "effect/Either"
import type { ApiKey, Organisation, RateLimit, RefusedRunPaths, RunPaths } from "../../Account.js"
import type { EmulatorAccount } from "../../EmulatorService.js"
import type { CaptureMode } from "../../Flow.js"
import { ApiError, refuse } from "../apiError.js"
import type { CompleteOptions } from "../defaults.js"
import { millis } from "../time/time.js"
import * as Money from "./money.js"

export interface Caller {
  readonly key: string
  /** The organisation of the key; `undefined` for a key of any organisation. */
  readonly org: string | undefined
  readonly project: string | undefined
}

export interface Accounts {
  readonly authenticate: (authorization: string | undefined) => Either.Either<Caller, ApiError>
  readonly authorize: (caller: Caller, org: string, project: string) => Either.Either<void, ApiError>
  /** Counts one request against the limits of the key and of the organisation. */
  readonly admit: (caller: Caller, org: string | undefined, now: number) => Either.Either<void, ApiError>
  /** Checks that billing works and credits are left. Called before a run. */
  readonly mayStart: (org: string) => Either.Either<void, ApiError>
  /** Whether the cost of a step can be paid. */
  readonly canPay: (org: string, cost: BigDecimal.BigDecimal) => boolean
  readonly pay: (org: string, cost: BigDecimal.BigDecimal) => void
  readonly capture: (org: string) => CaptureMode
  readonly runPaths: (org: string | undefined) => { readonly served: RunPaths; readonly refusal: RefusedRunPaths }
  readonly put: (org: string, organisation: Organisation) => void
  readonly hasOrganisation: (org: string) => boolean
  readonly organisationCount: () => number
  /** The organisations that have settings or have paid. */
  readonly list: () => ReadonlyArray<EmulatorAccount>
  readonly revoke: (key: string) => void
  readonly revokedCount: () => number
  readonly reset: () => void
}

/** An unlisted key may contain everything after the prefix, except spaces. */
const bearer = /^Bearer (nk_\S+)$/i

const unauthenticated = (message: string): Either.Either<never, ApiError> =>
  Either.left(
    new ApiError({
      status: 401,
      detail: { code: "UNAUTHENTICATED", message },
      headers: { "WWW-Authenticate": "Bearer" }
    })
  )

interface Window {
  endsAt: number
  used: number
}

type Windows = Map<string, Window>

/** Counts one request in the window of that name, and refuses it if the window is full. */
const count = (
  windows: Windows,
  name: string,
  limit: RateLimit | undefined,
  now: number
): Either.Either<void, ApiError> => {
  if (limit === undefined) return Either.void
  const per = millis(limit.per)
  let window = windows.get(name)
  if (window === undefined || window.endsAt <= now) {
    window = { endsAt: now + per, used: 0 }
    windows.set(name, window)
  }
  if (window.used >= limit.requests) {
    return Either.left(
      new ApiError({
        status: 429,
        detail: { code: "RATE_LIMIT", message: `At most ${limit.requests} requests in ${per} ms.` },
        headers: { "Retry-After": String(Math.max(1, Math.ceil((window.endsAt - now) / 1000))) }
      })
    )
  }
  window.used++
  return Either.void
}

export const make = (
  keys: ReadonlyArray<ApiKey>,
  initial: { readonly [org: string]: Organisation },
  /** The default settings of organisations. */
  defaults: Pick<CompleteOptions<Organisation>, "capture" | "runPaths" | "refusedRunPaths">
): Accounts => {
  const table = new Map(keys.map((entry) => [entry.key, entry]))
  const organisations = new Map<string, Organisation>()
  const credits = new Map<string, BigDecimal.BigDecimal>()
  const billed = new Map<string, BigDecimal.BigDecimal>()
  const revoked = new Set<string>()
  const windows: Windows = new Map()

  const put = (org: string, organisation: Organisation): void => {
    organisations.set(org, organisation)
    if (organisation.credits === undefined) credits.delete(org)
    else credits.set(org, Money.parse(organisation.credits))
  }

  const reset = (): void => {
    for (const each of [organisations, credits, billed, revoked, windows]) each.clear()
    for (const [org, organisation] of Object.entries(initial)) put(org, organisation)
    for (const entry of keys) if (entry.revoked === true) revoked.add(entry.key)
  }
  reset()

  return {
    authenticate: (authorization) => {
      const key = bearer.exec(authorization ?? "")?.[1]
      if (key === undefined) return unauthenticated("An API key that begins with nk_ is required.")
      if (revoked.has(key)) return unauthenticated("The API key has been revoked.")
      const entry = table.get(key)
      if (entry === undefined && table.size > 0) return unauthenticated("The API key is not known.")
      return Either.right({ key, org: entry?.org, project: entry?.project })
    },
    authorize: (caller, org, project) =>
      caller.org === undefined || (caller.org === org && caller.project === project)
        ? Either.void
        : refuse(403, "FORBIDDEN", `The API key is bound to another project than ${org}/${project}.`),
    admit: (caller, org, now) =>
      Either.flatMap(
        count(windows, `key ${caller.key}`, table.get(caller.key)?.rateLimit, now),
        () => org === undefined ? Either.void : count(windows, `org ${org}`, organisations.get(org)?.rateLimit, now)
      ),
    mayStart: (org) => {
      if (organisations.get(org)?.billing === false) {
        return refuse(503, "BILLING_UNAVAILABLE", "Billing cannot be reached.")
      }
      const left = credits.get(org)
      return left === undefined || BigDecimal.greaterThan(left, Money.zero)
        ? Either.void
        : refuse(402, "INSUFFICIENT_CREDITS", `The organisation ${org} has no credits left.`)
    },
    canPay: (org, cost) => {
      const left = credits.get(org)
      return left === undefined || BigDecimal.greaterThanOrEqualTo(left, cost)
    },
    pay: (org, cost) => {
      billed.set(org, BigDecimal.sum(billed.get(org) ?? Money.zero, cost))
      const left = credits.get(org)
      if (left !== undefined) credits.set(org, BigDecimal.subtract(left, cost))
    },
    capture: (org) => organisations.get(org)?.capture ?? defaults.capture,
    runPaths: (org) => {
      const own = org === undefined ? undefined : organisations.get(org)
      return {
        served: own?.runPaths ?? defaults.runPaths,
        refusal: own?.refusedRunPaths ?? defaults.refusedRunPaths
      }
    },
    put,
    hasOrganisation: (org) => organisations.has(org),
    organisationCount: () => organisations.size,
    list: () =>
      [...new Set([...organisations.keys(), ...billed.keys()])].sort().map((org) => {
        const left = credits.get(org)
        return {
          org,
          ...(left === undefined ? undefined : { creditsUsd: Money.print(left) }),
          billedUsd: Money.print(billed.get(org) ?? Money.zero)
        }
      }),
    revoke: (key) => {
      revoked.add(key)
    },
    revokedCount: () => revoked.size,
    reset
  }
}
