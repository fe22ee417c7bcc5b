/** The endpoints of batches and evals. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { BatchDetail } from "../BatchesApi.js"
import type { EvalCaseDetail } from "../EvalsApi.js"
import { type NotFound, Unavailable } from "../RunsApi.js"
import { StudioApi } from "../StudioApi.js"
import type { BatchAddress, StudioLedgers } from "../StudioLedgers.js"
import { caseDetail } from "./caseDetail.js"
import * as Events from "./events.js"
import { jsonResponse } from "./jsonResponse.js"
import { type Mask, masked, maskedValue } from "./text.js"

type Encode = ReturnType<typeof Events.encoder>

/** Masks keys before texts are compared: a difference would cut a key into parts. */
const withoutKeys = (mask: Mask, detail: EvalCaseDetail): EvalCaseDetail => {
  const safe = maskedValue(mask, detail.case)
  return safe === detail.case ? detail : caseDetail(safe)
}

/** Events about one batch, to the end of its run. */
const watch = Effect.fnUntraced(
  function*(ledgers: StudioLedgers.Service, hello: string, encode: Encode, address: BatchAddress) {
    // an unknown batch is a response of its own
    let newest: BatchDetail = yield* ledgers.batch(address)
    const detail = Effect.sync(() => encode("batch", newest))
    const problem = (error: NotFound | Unavailable) => encode("problem", error)
    return Events.response(
      hello,
      Events.coalesced(
        ledgers.watch(address),
        (one) => {
          newest = one
        },
        detail,
        Exit.match({
          onSuccess: () => Effect.map(detail, (last) => last + encode("end", {})),
          onFailure: (cause) =>
            Option.match(Cause.failureOption(cause), {
              onNone: () =>
                Effect.as(
                  Effect.logError("The studio stopped watching a batch", masked(Cause.pretty(cause))),
                  problem(new Unavailable({ message: "The studio failed." }))
                ),
              onSome: (error) => Effect.succeed(problem(error))
            })
        })
      )
    )
  }
)

/** The handlers. `hello` is the event at the start of each stream. */
export const layer = (ledgers: StudioLedgers.Service, hello: string, encode: Encode, mask: Mask) =>
  Layer.merge(
    HttpApiBuilder.group(StudioApi, "batches", (handlers) =>
      handlers
        .handle("batches", () => ledgers.batches)
        .handle("batch", ({ urlParams }) => ledgers.batch(urlParams))
        .handleRaw("watchBatch", ({ urlParams }) => watch(ledgers, hello, encode, urlParams))
        .handle("rows", ({ urlParams: { batch, ledger, ...filter } }) => ledgers.rows({ batch, ledger }, filter))
        .handle("row", ({ urlParams: { key, ...address } }) => ledgers.row(address, key))),
    HttpApiBuilder.group(StudioApi, "evals", (handlers) =>
      handlers
        .handle("evals", () => ledgers.evals)
        .handleRaw("eval", ({ urlParams }) => Effect.map(ledgers.eval(urlParams), jsonResponse))
        .handle("trend", ({ urlParams }) => ledgers.trend(urlParams))
        .handle(
          "cases",
          ({ urlParams: { candidate, eval: name, ledger, run, ...filter } }) =>
            ledgers.cases({ ledger, run, eval: name, candidate }, filter)
        )
        .handle("mark", ({ payload }) => ledgers.mark(payload))
        .handleRaw("case", ({ urlParams: { key, ...address } }) =>
          Effect.map(ledgers.case(address, key), (one) => jsonResponse(withoutKeys(mask, one)))))
  )
