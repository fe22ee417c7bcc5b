/** An emulator that a test scripts: no server, the same requests each time. */
import {
  type EmulatorRequest,
  type EmulatorState,
  type FaultSwitch,
  InvalidFaults
} from "@effect-noukai/studio/EmulatorApi"
import { NotFound } from "@effect-noukai/studio/RunsApi"
import type { StudioEmulator } from "@effect-noukai/studio/StudioEmulator"
import { Effect, PubSub, Stream } from "effect"
import { epoch } from "./scripted.js"

/** So many requests, the newest first. */
export const requestsOf = (count: number): ReadonlyArray<EmulatorRequest> =>
  Array.from({ length: count }, (_, nth): EmulatorRequest => {
    const isRead = nth % 4 === 1
    const fault = nth % 9 === 3 ? "503" : nth % 9 === 5 ? "reset:late" : undefined
    return {
      id: `request-${count - nth}`,
      method: isRead ? "GET" : "POST",
      target: isRead
        ? `/api/v1/acme/spelling/grade-3/runs/5f0c2a9e-77b1-4f35-9c11-0d2f8be3a41${nth % 10}/trace?include=steps`
        : "/api/v1/acme/spelling/grade-3/execute",
      endpoint: isRead ? "trace" : "execute",
      flow: "acme/spelling/grade-3",
      executionId: "run-completed",
      ...nth > 0 && { status: fault === "503" ? 503 : 200, durationMs: 12 + 31 * (nth % 50) },
      outcome: nth === 0 ? "open" : fault === "reset:late" ? "fault" : "complete",
      ...fault !== undefined && { fault },
      ...!isRead && fault !== "503" && { billedUsd: "0.00315" },
      receivedAt: epoch + 1_000_000 - nth * 900,
      bodyBytes: 412,
      responseBytes: 1_822,
      responseEvents: nth % 3
    }
  })

const stateOf = (requests: number): EmulatorState => ({
  address: "http://127.0.0.1:8080/api/v1",
  flows: [
    { flow: "acme/spelling/grade-3", runs: 412, costUsd: "1.2345" },
    { flow: "acme/spelling/all-pages", runs: 12, costUsd: "6.00" },
    { flow: "acme/support/agent", runs: 88, costUsd: "0.8812" }
  ],
  organisations: [{ org: "acme", creditsUsd: "12.50", billedUsd: "8.1157" }, { org: "umbrella", billedUsd: "0" }],
  totals: { connections: 3, requests, runs: 512, billedUsd: "8.1157", faulty: 37 },
  faults: [{ rule: "Request 1 to execute takes reset:late", isOurs: false }],
  endpoints: ["execute", "submitJob"],
  catalogue: [
    { fault: "503", effect: "answers 503 in place of a run; nothing runs" },
    { fault: "reset", effect: "resets the connection before anything runs" },
    { fault: "reset:late", effect: "resets the connection after the run, before its response" },
    { fault: "cut:e2", effect: "closes the connection after 2 events of a stream" },
    { fault: "delay:2000", effect: "sends nothing for 2 seconds" },
    { fault: "stall:10000", effect: "is silent for 10 seconds after the headers and the first event" }
  ]
})

export interface ScriptedEmulator {
  readonly service: StudioEmulator.Service
  /** Replaces the requests. */
  readonly put: (requests: ReadonlyArray<EmulatorRequest>) => Promise<void>
}

export const make = (requests: ReadonlyArray<EmulatorRequest> = requestsOf(120)): ScriptedEmulator => {
  const changes = Effect.runSync(PubSub.unbounded<void>())
  let all = requests
  let last: FaultSwitch | undefined
  let isOn = false
  const changed = PubSub.publish(changes, undefined)
  const state = Effect.sync((): EmulatorState => {
    const plain = stateOf(all.length)
    if (last === undefined) return plain
    const { endpoint, faults, rate, seed } = last
    const rule = `${100 * rate} % of requests${endpoint === undefined ? "" : ` to ${endpoint}`} take ${
      faults.join(" or ")
    }, seed ${seed}`
    return { ...plain, last, faults: [...plain.faults, ...isOn ? [{ rule, isOurs: true }] : []] }
  })
  return {
    put: (requests) => {
      all = requests
      return Effect.runPromise(Effect.asVoid(changed))
    },
    service: {
      state,
      changes: Effect.map(PubSub.subscribe(changes), (queue) => Stream.fromQueue(queue)),
      requests: (text, { limit, offset }) =>
        Effect.sync(() => {
          const found = all.filter((one) => JSON.stringify(one).includes(text))
          return { requests: found.slice(offset, offset + limit), total: found.length }
        }),
      request: (id) => {
        const request = all.find((one) => one.id === id)
        return request === undefined ? new NotFound({ message: `The ledger has no request ${id}.` }) : Effect.succeed({
          request,
          headers: {
            host: "127.0.0.1:8080",
            authorization: "Bearer ***",
            "content-type": "application/json",
            "user-agent": "effect-noukai"
          },
          body: JSON.stringify({ message: "The cat sat.", parameters: { grade: 3 } })
        })
      },
      webhooks: () => Effect.succeed({ webhooks: [], total: 0 }),
      switchOn: (wanted) => {
        const wrong = wanted.faults.find((fault) => !/^[\w:]+$/.test(fault))
        if (wrong !== undefined) return new InvalidFaults({ message: `There is no fault ${wrong}.` })
        last = wanted
        isOn = true
        return Effect.zipRight(changed, state)
      },
      switchOff: Effect.suspend(() => {
        isOn = false
        return Effect.zipRight(changed, state)
      })
    }
  }
}
