/** Handles one request on a socket, up to its response. */
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { RequestEntry } from "../../EmulatorLedger.js"
import { type ApiError, coded } from "../apiError.js"
import * as FaultRules from "../faults/faultRules.js"
import { faultBody } from "../faults/plan.js"
import * as Plan from "../faults/plan.js"
import { type FlowAddress, refOf } from "../flow/flows.js"
import { parseObject } from "../json.js"
import type { State } from "../state.js"
import type { OpenEntry } from "../store/ledger.js"
import * as Money from "../store/money.js"
import type { Run } from "../store/runs.js"
import { type ApiRequest, type Endpoint, json, type Reply } from "./endpoint.js"
import type { Exchange } from "./httpServer.js"
import { readBody, tooLarge } from "./readBody.js"
import { make as makeWriter, noProgress, type ResponseWriter } from "./responseWriter.js"
import * as Router from "./router.js"
import type { Route } from "./router.js"
import { served, type ServedName } from "./served.js"
import { isLocal } from "./trustedCaller.js"

export type Endpoints = { readonly [N in ServedName]: Endpoint<Extract<Route, { readonly endpoint: N }>> }

/** Handles a path outside the API. */
export type OtherPaths = (request: {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: { readonly [name: string]: string }
  readonly text: string
}) => Effect.Effect<Reply, ApiError> | undefined

export interface HandlerOptions {
  readonly maxBodyBytes: number
  /** The time in ms that a client may leave a full socket unread. */
  readonly readerTimeout: number
  /** Bytes of each request body that the ledger keeps. */
  readonly keptBodyBytes: number
  /** Refuses requests that do not come from this machine. */
  readonly localOnly: boolean
  readonly onRequest: ((request: RequestEntry) => void) | undefined
}

const headersOf = (raw: { readonly [name: string]: string | ReadonlyArray<string> | undefined }) => {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(raw)) {
    if (value !== undefined) headers[name] = typeof value === "string" ? value : value.join(", ")
  }
  return headers
}

/** The headers without the key, because people read the ledger. */
const masked = (headers: { readonly [name: string]: string }): { readonly [name: string]: string } =>
  headers.authorization === undefined
    ? headers
    : { ...headers, authorization: headers.authorization.replace(/^(\S+\s+(?:nk_(?:live_|test_)?)?).*$/, "$1***") }

const refusal = (error: ApiError): Reply => json({ detail: error.detail }, error.status, error.headers)

const foreign = coded(403, "FORBIDDEN", "The emulator only answers programs on this machine.")

const addressOf = (route: Route): FlowAddress | undefined => "flow" in route ? route.flow : undefined

/** The request line and the headers of a request. */
interface Head {
  readonly method: string
  readonly target: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: { readonly [name: string]: string }
  readonly route: ReturnType<typeof Router.match>
  readonly flow: string | undefined
}

const headOf = ({ request }: Exchange): Head => {
  const target = request.url ?? "/"
  const mark = target.indexOf("?")
  const path = mark < 0 ? target : target.slice(0, mark)
  const method = request.method ?? "GET"
  const route = Router.match(method, path)
  const address = Either.isRight(route) ? addressOf(route.right) : undefined
  return {
    method,
    target,
    path,
    query: new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1)),
    headers: headersOf(request.headers),
    route,
    flow: address && refOf(address)
  }
}

/** The entry of a request in the ledger. */
const entryOf = (
  exchange: Exchange,
  { flow, headers, method, route, target }: Head,
  body: Pick<RequestEntry, "body" | "bodyBytes">,
  fault: string | undefined
): Omit<RequestEntry, "receivedAt"> => ({
  id: exchange.id,
  connection: exchange.connection.entry.id,
  method,
  target,
  ...(Either.isRight(route) ? { endpoint: route.right.endpoint } : undefined),
  ...(flow === undefined ? undefined : { flow }),
  ...(Either.isRight(route) && "executionId" in route.right ? { executionId: route.right.executionId } : undefined),
  headers: masked(headers),
  ...body,
  ...(fault === undefined ? undefined : { fault }),
  responseBytes: 0,
  responseEvents: 0,
  outcome: "open"
})

const safely = (effect: Effect.Effect<Reply, ApiError>): Effect.Effect<Reply> =>
  effect.pipe(
    Effect.catchTag("ApiError", (error) => Effect.succeed(refusal(error))),
    Effect.catchAllDefect((defect) =>
      Effect.logError("The emulator failed to answer", defect).pipe(
        Effect.as(refusal(coded(500, "INTERNAL_ERROR", "The emulator failed.")))
      )
    )
  )

const respond = Effect.fnUntraced(function*(
  writer: ResponseWriter,
  plan: Plan.Plan,
  reply: Effect.Effect<Reply, ApiError>
) {
  yield* writer.wait(plan.delayMs)
  if (plan.reset === "early") return yield* writer.reset
  if (plan.status !== undefined) {
    const { headers, text } = faultBody(plan.status)
    return yield* writer.sendText(plan.status.status, headers, text)
  }
  const made = yield* safely(reply)
  if (plan.reset === "late") return yield* writer.reset
  yield* writer.send(made)
})

const answer = Effect.fnUntraced(function*(
  { accounts, ledger }: State,
  endpoints: Endpoints,
  route: Route,
  text: string,
  rest: Pick<ApiRequest, "query" | "headers" | "size" | "plan" | "of">
) {
  const caller = yield* accounts.authenticate(rest.headers.authorization)
  const address = addressOf(route)
  if (address !== undefined) yield* accounts.authorize(caller, address.org, address.project)
  yield* accounts.admit(caller, address?.org ?? caller.org, ledger.now())
  const { method, under } = served[route.endpoint]
  const body = method === "POST" && under !== "api" ? yield* parseObject(text) : {}
  const request: ApiRequest = { route, caller, body, ...rest }
  // each endpoint takes the routes of its own name
  const endpoint = endpoints[route.endpoint] as Endpoint
  return yield* endpoint(request)
})

/** The entry of a request, with the cost of its run when it ends. */
const follow = (
  ledger: State["ledger"],
  entry: OpenEntry<RequestEntry>,
  onRequest: HandlerOptions["onRequest"]
): { readonly of: ApiRequest["of"]; readonly ended: (outcome: RequestEntry["outcome"]) => void } => {
  let billed: (() => string) | undefined
  return {
    of: ({ entry: run, id }: Run) => {
      const before = Money.parse(run.billedUsd)
      entry.executionId = id
      billed = () => Money.print(BigDecimal.subtract(Money.parse(run.billedUsd), before))
    },
    ended: (outcome) => {
      if (entry.outcome !== "open") return
      if (billed !== undefined) entry.billedUsd = billed()
      ledger.requestEnded(entry, outcome)
      // not called if the emulator was reset meanwhile
      if (entry.endedAt !== undefined) onRequest?.({ ...entry })
    }
  }
}

export const make = (
  state: State,
  endpoints: Endpoints,
  otherPaths: OtherPaths,
  options: HandlerOptions
): (exchange: Exchange) => Effect.Effect<void> => {
  const { ledger } = state
  return (exchange) => {
    const head = headOf(exchange)
    const { flow, headers, method, path, query, route } = head
    return Effect.gen(function*() {
      const { bytes, length } = yield* readBody(exchange.request, options.maxBodyBytes)
      const text = bytes?.toString("utf8") ?? ""
      const other = Either.isLeft(route) ? otherPaths({ method, path, query, headers, text }) : undefined
      if (other !== undefined) {
        // requests of the control endpoint are not in the ledger, and `awaitClose` ignores their connections
        exchange.connection.entry.requests--
        const writer = makeWriter(exchange, Plan.none, options.readerTimeout, noProgress())
        return yield* Effect.flatMap(safely(other), writer.send)
      }
      const isForeign = options.localOnly && !isLocal(headers)
      const fault = Either.isRight(route) && !isForeign
        ? state.faults.take(headers[FaultRules.headerName], route.right.endpoint, flow)
        : Either.right(Plan.none)
      const plan = Either.getOrElse(fault, () => Plan.none)
      // cuts the bytes, because a substring would keep the whole text in memory
      const body = bytes?.toString("utf8", 0, options.keptBodyBytes) ?? ""
      const entry = ledger.requestReceived(entryOf(exchange, head, { body, bodyBytes: length }, plan.text))
      const { ended, of } = follow(ledger, entry, options.onRequest)
      const writer = makeWriter(exchange, plan, options.readerTimeout, {
        entry,
        onStopped: () => ended("fault"),
        onWaiting: (ms) => ledger.waiting(exchange.id, ms)
      })
      const reply = Effect.suspend((): Effect.Effect<Reply, ApiError> => {
        if (isForeign) return foreign
        if (Either.isLeft(fault)) return coded(400, "INVALID_FAULT", `${fault.left}.`)
        if (bytes === undefined) return tooLarge(options.maxBodyBytes)
        if (Either.isLeft(route)) return route.left
        return answer(state, endpoints, route.right, text, { query, headers, size: length, plan, of })
      })
      yield* respond(writer, plan, reply).pipe(
        Effect.matchEffect({
          onFailure: () => Effect.sync(() => ended(exchange.connection.faulted ? "fault" : "client")),
          onSuccess: () => Effect.sync(() => ended("complete"))
        }),
        Effect.onInterrupt(() => Effect.sync(() => ended("server")))
      )
    }).pipe(
      // the client has left
      Effect.catchTag("ConnectionGone", () => Effect.void)
    )
  }
}
