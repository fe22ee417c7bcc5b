/** The emulator of a studio: its state, the requests of its ledger, and its faults. */
import type { RequestEntry } from "@effect-noukai/emulator/EmulatorLedger"
import type { EmulatorService } from "@effect-noukai/emulator/EmulatorService"
import { faultEndpoints, type FaultRule } from "@effect-noukai/emulator/Fault"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import { type EmulatorRequest, type EmulatorState, type FaultSwitch, InvalidFaults } from "../EmulatorApi.js"
import { NotFound } from "../RunsApi.js"
import type { StudioEmulator } from "../StudioEmulator.js"
import { catalogue, ruleText } from "./faultTexts.js"
import type { FlowTotals } from "./flowTotals.js"

const requestOf = (entry: RequestEntry): EmulatorRequest => {
  const { body: _, connection: __, endedAt, headers: ___, ...facts } = entry
  return { ...facts, ...endedAt !== undefined && { durationMs: endedAt - entry.receivedAt } }
}

const matches = (text: string) => {
  const part = text.toLowerCase()
  return ({ endpoint, executionId, fault, flow, id, method, outcome, status, target }: RequestEntry): boolean =>
    part === "" ||
    // a character that nobody searches, so that no text matches across two fields
    [id, method, target, endpoint, flow, executionId, fault, status, outcome].join("\u0000").toLowerCase().includes(
      part
    )
}

const mistakeOf = ({ endpoint, flow }: FaultSwitch, flows: ReadonlyArray<string>): string | undefined => {
  if (endpoint !== undefined && !faultEndpoints.some((one) => one === endpoint)) {
    return `There is no endpoint ${JSON.stringify(endpoint)}. Use one of ${faultEndpoints.join(", ")}.`
  }
  return flow === undefined || flows.includes(flow) ? undefined : `The emulator has no flow ${JSON.stringify(flow)}.`
}

export const make = (
  emulator: EmulatorService,
  totals: FlowTotals
): Effect.Effect<StudioEmulator.Service> =>
  Effect.gen(function*() {
    // of two pages that switch at once, one is after the other
    const turn = yield* Effect.makeSemaphore(1)
    const switched = yield* PubSub.sliding<void>(1)
    /** The rules that the studio switched on. */
    let ours: ReadonlyArray<FaultRule> = []
    let last: FaultSwitch | undefined

    const state: Effect.Effect<EmulatorState> = Effect.gen(function*() {
      const { billedUsd, openConnections, requestsReceived, requestsWithFaults, runsStarted } = yield* emulator.totals
      const flows = yield* emulator.flows
      const rules = yield* emulator.faults
      return {
        address: emulator.baseUrl,
        flows: [...new Set([...flows, ...totals.flows()])].sort().map((flow) => ({ flow, ...totals.of(flow) })),
        organisations: yield* emulator.accounts,
        totals: {
          connections: openConnections,
          requests: requestsReceived,
          runs: runsStarted,
          billedUsd,
          faulty: requestsWithFaults
        },
        faults: rules.map((rule) => ({ rule: ruleText(rule), isOurs: ours.includes(rule) })),
        ...last !== undefined && { last },
        endpoints: faultEndpoints,
        catalogue
      }
    })

    const changed = Effect.zipRight(PubSub.publish(switched, undefined), state)

    return {
      state,
      changes: Effect.gen(function*() {
        const switches = yield* PubSub.subscribe(switched)
        const runs = yield* emulator.runs.changes
        return Stream.mergeAll([emulator.events, runs, Stream.fromQueue(switches)], { concurrency: "unbounded" }).pipe(
          Stream.as(undefined)
        )
      }),
      requests: (text, { limit, offset }) =>
        Effect.map(emulator.requests, (requests) => {
          const found = requests.filter(matches(text)).toReversed()
          return { requests: found.slice(offset, offset + limit).map(requestOf), total: found.length }
        }),
      request: (id) =>
        Effect.flatMap(emulator.requests, (requests) => {
          const entry = requests.find((one) => one.id === id)
          return entry === undefined
            ? new NotFound({ message: `The ledger has no request ${id}. It keeps the newest 10,000.` })
            : Effect.succeed({ request: requestOf(entry), headers: entry.headers, body: entry.body })
        }),
      webhooks: (limit) =>
        Effect.map(emulator.webhooks, (all) => ({ webhooks: all.slice(-limit).toReversed(), total: all.length })),
      switchOn: Effect.fnUntraced(function*(wanted) {
        const { endpoint, faults, flow, rate, seed } = wanted
        const mistake = mistakeOf(wanted, yield* emulator.flows)
        if (mistake !== undefined) return yield* new InvalidFaults({ message: mistake })
        const before = yield* emulator.faults
        const match = { ...endpoint !== undefined && { endpoint }, ...flow !== undefined && { flow } }
        yield* emulator.addFaults({ match, faults, rate, seed }).pipe(
          Effect.mapError(({ message }) => new InvalidFaults({ message }))
        )
        yield* emulator.removeFaults(...ours)
        ours = (yield* emulator.faults).filter((rule) => !before.includes(rule))
        last = wanted
        return yield* changed
      }, turn.withPermits(1)),
      switchOff: Effect.suspend(() => {
        const off = emulator.removeFaults(...ours)
        ours = []
        return Effect.zipRight(off, changed)
      }).pipe(turn.withPermits(1))
    }
  })
