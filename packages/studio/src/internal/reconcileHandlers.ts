/** The endpoints that compare batches with the runs of the server. */
import * as Reconcile from "@effect-noukai/report/Reconcile"
import * as Trace from "@effect-noukai/sdk/Trace"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as BigDecimal from "effect/BigDecimal"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { ReconcilePlan, ReconcileProgress } from "../ReconcileApi.js"
import { type NotFound, type Source, Unavailable } from "../RunsApi.js"
import { StudioApi } from "../StudioApi.js"
import type { BatchAddress, ExpectedRuns, StudioLedgers } from "../StudioLedgers.js"
import { type Reconciler, StudioSource } from "../StudioSource.js"
import * as Events from "./events.js"
import { flag, type Mask, serverFlags, shellWord } from "./text.js"

/** The most requests a second, unless a page asks for another number. */
const standardRate = 10

const whyNot = "This studio cannot read the sessions of the server, so it cannot compare them."

const planOf = (
  mask: Mask,
  server: Pick<Source, "address" | "kind">,
  reconciler: Reconciler | undefined,
  batch: string,
  { file, rows, runs, sessions }: ExpectedRuns
): ReconcilePlan => {
  const command = (...flags: ReadonlyArray<string>) =>
    ["noukai", "reconcile", mask(file ?? ""), ...flag("--id")(mask(batch)), ...flags, ...serverFlags(server)]
      .map(shellWord)
      .join(" ")
  return {
    rows,
    requests: reconciler === undefined || reconciler.isFree ? 0 : sessions + runs,
    rate: standardRate,
    ...reconciler === undefined && { whyNot },
    ...file !== undefined && { command: command(), settle: command("--settle") }
  }
}

/** The cost at the server less that in the ledger, if both are known. */
const differenceOf = (finding: Reconcile.Finding): BigDecimal.BigDecimal | undefined => {
  const { believedUsd, seenUsd, unknownBelieved, unknownSeen } = Reconcile.add(Reconcile.noFindings, finding)
  return unknownBelieved + unknownSeen > 0
    ? undefined
    : BigDecimal.subtract(BigDecimal.unsafeFromString(seenUsd), BigDecimal.unsafeFromString(believedUsd))
}

/** Events about the comparison of one batch, to its end. */
const compared = (
  { encode, hello, mask }: Texts,
  { findings }: Reconciler,
  { all, rows }: ExpectedRuns,
  rate: number
) => {
  let found: Array<Reconcile.Finding> = []
  let summary = Reconcile.noFindings
  let difference: BigDecimal.BigDecimal | undefined
  let done = 0
  const progress = Effect.sync(() => {
    const differenceUsd = difference && Trace.formatCost(difference)
    const data: ReconcileProgress = { findings: found, summary, differenceUsd, done, rows }
    found = []
    return encode("findings", data)
  })
  return Events.response(
    hello,
    Events.coalesced(
      findings(all, rate),
      (finding) => {
        found.push(finding)
        summary = Reconcile.add(summary, finding)
        const one = differenceOf(finding)
        if (one !== undefined) difference = BigDecimal.sum(difference ?? BigDecimal.fromBigInt(0n), one)
        done++
      },
      progress,
      (exit) =>
        Effect.zipWith(
          progress,
          Exit.isSuccess(exit) ? Effect.succeed(encode("end", {})) : Option.match(Cause.failureOption(exit.cause), {
            onNone: () =>
              Effect.as(
                Effect.logError("The studio stopped comparing a batch", mask(Cause.pretty(exit.cause))),
                encode("problem", new Unavailable({ message: "The studio failed." }))
              ),
            onSome: (error) => Effect.succeed(encode("problem", error))
          }),
          (last, end) => last + end
        )
    )
  )
}

interface Texts {
  readonly encode: (name: string, data: unknown) => string
  readonly mask: Mask
  readonly hello: string
}

/** The handlers. `hello` is the event at the start of each stream. */
export const layer = (ledgers: StudioLedgers.Service, texts: Texts) =>
  HttpApiBuilder.group(StudioApi, "reconcile", (handlers) =>
    Effect.map(StudioSource, (source) => {
      const { reconciler } = source
      const expected = (address: BatchAddress) => ledgers.expected(address)
      return handlers
        .handle("reconcilePlan", ({ urlParams }) =>
          Effect.zipWith(source.source, expected(urlParams), (server, runs) =>
            planOf(texts.mask, server, reconciler, urlParams.batch, runs)))
        .handleRaw("reconcile", ({ urlParams: { rate = standardRate, ...address } }) =>
          Effect.flatMap(
            expected(address),
            (runs): Effect.Effect<ReturnType<typeof compared>, NotFound | Unavailable> =>
              reconciler === undefined
                ? new Unavailable({ message: whyNot })
                : Effect.succeed(compared(texts, reconciler, runs, rate))
          ))
    }))
