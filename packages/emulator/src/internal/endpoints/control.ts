/** `/_emulator`: the emulator's own endpoint, apart from the API. It needs no key and refuses pages in browsers. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHmac } from "node:crypto"
import { Organisation } from "../../Account.js"
import type { EmulatorError } from "../../EmulatorError.js"
import type { EmulatorOptions } from "../../EmulatorOptions.js"
import type { EmulatorService } from "../../EmulatorService.js"
import { FaultRule } from "../../Fault.js"
import { FileFlow } from "../../Flow.js"
import * as FlowFile from "../../FlowFile.js"
import { type ApiError, coded } from "../apiError.js"
import { parseObject, readSchema } from "../json.js"
import { json, type Reply } from "../server/endpoint.js"
import type { OtherPaths } from "../server/handleRequest.js"
import { segmentsOf } from "../server/router.js"
import { isNoPage, namesLoopback } from "../server/trustedCaller.js"
import type { State } from "../state.js"
import { gone } from "./runRow.js"
import * as Watch from "./watch.js"

const bad = (message: string): ApiError => coded(400, "BAD_REQUEST", message)

const refused = (error: EmulatorError): ApiError => bad(error.message)

const decoded = <A, I>(schema: Schema.Schema<A, I>, text: string): Either.Either<A, ApiError> =>
  Either.flatMap(parseObject(text), (value) =>
    Either.mapLeft(
      readSchema(schema)(value),
      (error) => bad(ParseResult.TreeFormatter.formatErrorSync(error))
    ))

const Rules = Schema.Struct({ rules: Schema.Array(FaultRule) })
const Flows = Schema.Struct({ flows: Schema.Array(FileFlow) })
const Organisations = Schema.Struct({
  organisations: Schema.Record({ key: Schema.String, value: Organisation })
})
const Key = Schema.Struct({ key: Schema.NonEmptyString })

const done = json({ ok: true })

/** The most entries of each kind that callers may add. It bounds the memory of a server that runs for long. */
const most = 10_000

const hasRoom = (what: string, has: number, more: number): Either.Either<void, ApiError> =>
  has + more <= most
    ? Either.void
    : Either.left(
      bad(
        `There are ${has} ${what} already, and the control endpoint takes at most ${most}. Reset the emulator.`
      )
    )

interface ControlRequest {
  /** The segments of the path after the name of the handler. */
  readonly rest: ReadonlyArray<string>
  readonly text: string
  readonly query: URLSearchParams
  readonly headers: { readonly [name: string]: string }
}

type Handler = (request: ControlRequest) => Effect.Effect<Reply, ApiError>

const unknown = coded(404, "NOT_FOUND", "There is no such control endpoint.")

export const make = (
  emulator: EmulatorService,
  state: State,
  { control, nonce }: Pick<EmulatorOptions, "control" | "nonce">
): OtherPaths => {
  const anyHost = control === true
  const handlers: { readonly [route: string]: Handler } = {
    "GET ": () => Effect.succeed(json({ name: "noukai-emulator", baseUrl: emulator.baseUrl })),
    "GET ledger": () => Effect.map(emulator.ledger, (ledger) => json(ledger)),
    // proves that the server knows the nonce, without sending it
    "GET proof": ({ query }) =>
      nonce === undefined
        ? unknown
        : Effect.succeed(
          json({ proof: createHmac("sha256", nonce).update(query.get("challenge") ?? "").digest("hex") })
        ),
    "GET runs": ({ query }) => Watch.runs(state, query),
    "GET events": ({ headers, query }) => Watch.events(state, query, headers["last-event-id"]),
    "GET schema": () => Effect.sync(() => json(FlowFile.jsonSchema())),
    "POST reset": () => Effect.as(emulator.reset, done),
    "POST faults": ({ text }) =>
      decoded(Rules, text).pipe(
        Effect.tap(({ rules }) => hasRoom("fault rules", state.faults.list().length, rules.length)),
        Effect.flatMap(({ rules }) => Effect.mapError(emulator.addFaults(...rules), refused)),
        Effect.as(done)
      ),
    "DELETE faults": () => Effect.as(emulator.clearFaults, done),
    "POST flows": ({ text }) =>
      decoded(Flows, text).pipe(
        Effect.tap(({ flows }) =>
          hasRoom("flows", state.flows.count(), flows.filter(({ ref }) => !state.flows.has(ref)).length)
        ),
        Effect.flatMap(({ flows }) => Effect.mapError(emulator.putFlows(...flows), refused)),
        Effect.as(done)
      ),
    "DELETE flows": ({ rest }) => Effect.as(emulator.removeFlow(rest.join("/")), done),
    "POST organisations": ({ text }) =>
      decoded(Organisations, text).pipe(
        Effect.tap(({ organisations }) =>
          hasRoom(
            "organisations",
            state.accounts.organisationCount(),
            Object.keys(organisations).filter((org) => !state.accounts.hasOrganisation(org)).length
          )
        ),
        Effect.flatMap(({ organisations }) =>
          Effect.forEach(Object.entries(organisations), ([org, value]) =>
            Effect.mapError(emulator.putOrganisation(org, value), refused))
        ),
        Effect.as(done)
      ),
    "POST keys/revoke": ({ text }) =>
      decoded(Key, text).pipe(
        Effect.tap(() => hasRoom("revoked keys", state.accounts.revokedCount(), 1)),
        Effect.flatMap(({ key }) => emulator.revokeKey(Redacted.make(key))),
        Effect.as(done)
      ),
    "POST sessions/expire": ({ rest: [id] }) => Effect.as(emulator.expireSession(id ?? ""), done),
    "POST jobs/cancel": ({ rest: [id] }) =>
      Effect.flatMap(emulator.cancelJob(id ?? ""), (cancelled) => {
        if (cancelled) return Effect.succeed(done)
        return state.runs.evicted(id ?? "")?.trigger === "job"
          ? gone(`The job ${id}`)
          : coded(404, "JOB_NOT_FOUND", `There is no job ${id} under way.`)
      })
  }

  const routeOf = (
    method: string,
    rest: ReadonlyArray<string>
  ): readonly [Handler | undefined, ReadonlyArray<string>] => {
    const [first = "", id = "", action] = rest
    // sessions/{id}/expire, jobs/{id}/cancel
    if (rest.length === 3 && first !== "flows") return [handlers[`${method} ${first}/${action}`], [id]]
    if (first === "keys") return [handlers[`${method} ${rest.join("/")}`], []]
    // a flow's name is the only one with slashes
    return [rest.length <= 1 || first === "flows" ? handlers[`${method} ${first}`] : undefined, rest.slice(1)]
  }

  return ({ headers, method, path, query, text }) => {
    const segments = segmentsOf(path)
    if (segments?.[0] !== "_emulator") return undefined
    if (!isNoPage(headers) || !(anyHost || namesLoopback(headers))) {
      return coded(403, "FORBIDDEN", "The control endpoint only answers programs on this machine.")
    }
    const named = segments.slice(1).filter((segment) => segment !== "")
    const [handler, rest] = routeOf(method, named)
    return handler === undefined
      ? unknown
      : Effect.suspend(() => handler({ rest, text, query, headers }))
  }
}
