/** Believed runs against the server: 200 runs of five flows, faults, evictions, and hostile responses. */
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import { layer as emulatorLayer } from "@effect-noukai/emulator/Emulator"
import * as Reconcile from "@effect-noukai/report/Reconcile"
import { recording } from "@effect-noukai/report/testing"
import { Cassette, FlowService, JobService, Noukai, RunService } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Layer, Redacted, Schema, Stream } from "effect"
import { type Answer, json, serve } from "../../sdk/test/support/WireServer.js"

const flows = Array.from({ length: 5 }, (_, n) => `acme/test/flow-${n}`)

const options = (more: EmulatorOptions = {}): EmulatorOptions => ({
  port: 0,
  flows: flows.map((ref, n) => ({
    ref,
    steps: [
      { kind: "template", id: "a", output: "{{message}}", costUsd: `0.00${n + 1}0000000000000${n + 3}` },
      ...(n === 4 ? [{ kind: "fail" as const, id: "b", code: "NO", message: "no", costUsd: "0.1" }] : [])
    ]
  })),
  ...more
})

const live = (more?: EmulatorOptions) =>
  Layer.provideMerge(Noukai.layerServices, Layer.orDie(emulatorLayer(options(more))))

const sessionOf = (n: number) => `5d1c9f44-7a0b-4f5e-9a55-${String(n).padStart(12, "0")}`

const found = (expected: ReadonlyArray<Reconcile.Expected>) =>
  Effect.map(Stream.runCollect(Reconcile.findings(Stream.fromIterable(expected))), (all) => [...all])

const kinds = (findings: ReadonlyArray<Reconcile.Finding>) => findings.map(({ kind }) => kind)

/** Runs a flow once in a session, to its end. */
const ran = (flow: string, session: number) =>
  Effect.gen(function*() {
    const outcome = yield* Effect.either(
      Effect.flatMap(FlowService, (service) => service.execute(flow, { message: "hi", sessionId: sessionOf(session) }))
    )
    return outcome._tag === "Right" ? outcome.right.executionId! : outcome.left.executionId!
  })

describe("Reconcile.findings", () => {
  it.scopedLive("tells each kind among 200 runs of five flows, with faults, and never writes", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const service = yield* RunService
      const expected: Array<Reconcile.Expected> = []
      const truth: Array<Reconcile.Kind> = []
      for (let n = 0; n < 200; n++) {
        const flow = flows[n % 5]!
        const believes = (kind: Reconcile.Kind, more: Partial<Reconcile.Expected>) => {
          truth.push(kind)
          expected.push({ key: `row ${n}`, flow, sessionId: sessionOf(n), belief: "ran", ...more })
        }
        if (n % 23 === 0) {
          believes("agrees", { belief: "unsent" })
          continue
        }
        if (n % 29 === 0) {
          believes("uncertain", { belief: "uncertain" })
          continue
        }
        const executionId = yield* ran(flow, n)
        const { costUsd } = yield* service.cost(flow, executionId)
        const status = n % 5 === 4 ? "failed" : "completed"
        const known = { executionId, status, costUsd }
        if (n % 7 === 0) believes("missing-here", { belief: n % 2 === 0 ? "uncertain" : "unsent" })
        else if (n % 11 === 0) {
          yield* ran(flow, n)
          believes("paid-twice", n % 2 === 0 ? known : { belief: "uncertain" })
        } else if (n % 13 === 0) {
          yield* emulator.expireSession(sessionOf(n))
          believes("unknown", known)
        } else if (n % 17 === 0) {
          believes("differs", { ...known, costUsd: `${costUsd}1` })
        } else if (n % 19 === 0) {
          believes("missing-there", { ...known, executionId: "0a6c2f5e-9d41-4b0e-8f6b-2f3f0e5b7c11" })
        } else if (n % 31 === 0) believes("differs", { ...known, status: "cancelled" })
        else believes("agrees", known)
      }
      const before = yield* emulator.ledger
      // reads are retried
      yield* emulator.addFaults({ match: { endpoint: "trace", nth: 3 }, script: ["500"] })
      yield* emulator.addFaults({ match: { endpoint: "session", nth: 5 }, script: ["502:html"] })
      const count = (kind: Reconcile.Kind) => truth.filter((one) => one === kind).length
      const findings = yield* found(expected)
      assert.deepStrictEqual(
        findings.map(({ expected: { key }, kind }) => [key, kind]),
        truth.map((kind, n) => [`row ${n}`, kind])
      )
      assert.deepStrictEqual(
        Schema.decodeUnknownSync(Schema.Array(Reconcile.Finding))(JSON.parse(JSON.stringify(findings))),
        findings
      )
      const after = yield* emulator.ledger
      const reads = after.requests.slice(before.requests.length)
      assert.isTrue(reads.every(({ method }) => method === "GET"))
      assert.strictEqual(after.runs.length, before.runs.length)
      // a session per row, and a trace per run at most
      assert.isAtMost(reads.length, 200 + before.runs.length + 3 * count("missing-there") + 10)

      const summary = findings.reduce(Reconcile.add, Reconcile.noFindings)
      for (const kind of Reconcile.Kind.literals) assert.strictEqual(summary.counts[kind], count(kind), kind)
      const sum = (costs: ReadonlyArray<string | undefined>) =>
        BigDecimal.sumAll(costs.map((cost) => BigDecimal.unsafeFromString(cost ?? "0")))
      assert.isTrue(
        BigDecimal.equals(
          BigDecimal.unsafeFromString(summary.seenUsd),
          sum(before.runs.map(({ billedUsd }) => billedUsd))
        ),
        summary.seenUsd
      )
      assert.isTrue(
        BigDecimal.equals(
          BigDecimal.unsafeFromString(summary.believedUsd),
          sum(expected.map(({ costUsd }) => costUsd))
        )
      )
      // only the single runs of uncertain rows settle them
      assert.deepStrictEqual(
        findings.filter(({ settledBy }) => settledBy !== undefined).map(({ expected: { key } }) => key),
        findings.filter(({ expected, kind }) => kind === "missing-here" && expected.belief === "uncertain")
          .map(({ expected: { key } }) => key)
      )
      assert.include(Reconcile.summaryText(summary), `${count("agrees")} agree, ${count("differs")} differs`)
    }).pipe(Effect.provide(live())))

  it.scopedLive("calls evicted runs unknown, never missing there", () =>
    Effect.gen(function*() {
      const expected: Array<Reconcile.Expected> = []
      for (let n = 0; n < 12; n++) {
        const flow = flows[0]!
        const executionId = yield* ran(flow, n % 6)
        const costUsd = "0.00100000000000003"
        expected.push({
          key: `row ${n}`,
          flow,
          sessionId: sessionOf(n % 6),
          isShared: true,
          executionId,
          costUsd,
          belief: "ran"
        })
      }
      expected.sort((a, b) => a.sessionId!.localeCompare(b.sessionId!))
      const all = kinds(yield* found(expected))
      assert.notInclude(all, "missing-there")
      assert.include(all, "unknown")
      assert.deepStrictEqual(new Set(all), new Set(["unknown"]))
    }).pipe(Effect.provide(live({ limits: { runs: 3 } }))))

  it.scopedLive("finds work of which several attempts completed, and stops at a refused key", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const [first, second, other] = [yield* ran(flows[0]!, 1), yield* ran(flows[0]!, 2), yield* ran(flows[4]!, 3)]
      const of = (key: string, attempt: number, executionId: string, flow = flows[0]!): Reconcile.Expected => ({
        key,
        attempt,
        flow,
        sessionId: sessionOf(attempt),
        executionId,
        belief: "ran"
      })
      const findings = yield* found([of("a", 1, first), of("a", 2, second), of("b", 3, other, flows[4])])
      assert.deepStrictEqual(kinds(findings), ["paid-twice", "paid-twice", "agrees"])
      assert.include(Reconcile.toText(findings[1]!), "a attempt 2: its attempts 1 and 2 completed")
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["401", "401"] })
      assert.strictEqual((yield* Effect.flip(found([of("a", 1, first)])))._tag, "AuthenticationError")
    }).pipe(Effect.provide(live())))

  it.scopedLive("counts what a hostile server lists, and believes none of its nonsense", () =>
    Effect.gen(function*() {
      const server = yield* serve(...Array.from({ length: 1_000 }, (): Answer => (response, { path }) => {
        if (path.includes("/sessions/")) {
          const run = { executionId: "r1", slug: "other", status: "\u001b[31m", steps: null }
          const executions = path.endsWith("1")
            ? [run, run, run]
            : path.endsWith("2")
            ? Array.from({ length: 300 }, (_, n) => ({ ...run, slug: "x", executionId: `r${n}` }))
            : "nonsense"
          return json(200, { sessionId: path.split("/").at(-1), executions })(response, undefined as never)
        }
        json(200, {
          flowRun: { id: "r1", status: "completed" },
          steps: [{ stepId: "a", status: "completed", costUsd: "-5" }, { stepId: "b", status: "x", costUsd: 1e300 }]
        })(response, undefined as never)
      }))
      const of = (n: number): Reconcile.Expected => ({
        key: `${n}`,
        flow: "a/b/x",
        sessionId: sessionOf(n),
        belief: "uncertain",
        costUsd: "0.1"
      })
      const findings = yield* Effect.provide(
        found([of(1), of(2), of(3)]),
        Noukai.layer({ baseUrl: server.baseUrl, apiKey: Redacted.make("nk_test") })
      )
      assert.deepStrictEqual(kinds(findings), ["unknown", "paid-twice", "unknown"])
      assert.isTrue(findings.every(({ settledBy }) => settledBy === undefined))
      assert.strictEqual(findings[1]!.seen.length, 300)
      const summary = findings.reduce(Reconcile.add, Reconcile.noFindings)
      assert.deepStrictEqual([summary.seenUsd, summary.unknownBelieved, summary.unknownSeen], ["0", 0, 302])
      assert.strictEqual(
        Reconcile.summaryText(summary),
        "0 agree, 1 paid-twice, 2 unknown; $0.3 here, at least $0 at the server (costs that are not known: 302 at the server)"
      )
    }))
})

describe("Reconcile.fromCassette", () => {
  it.scopedLive("has the runs of a session, and the server's other runs are missing here", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const sessionId = sessionOf(1)
      yield* service.execute(flows[0]!, { message: "a", sessionId, snapshots: true })
      yield* service.execute(flows[1]!, { message: "b", sessionId, snapshots: true })
      const { client: _, ...saved } = yield* Cassette.fromSession(sessionId)
      const expected = Reconcile.fromCassette({ ...saved, client: { org: "acme", project: "test" } })
      assert.deepStrictEqual(kinds(yield* found(expected)), ["agrees", "agrees"])
      yield* service.execute(flows[2]!, { message: "c", sessionId })
      const findings = yield* found(expected)
      assert.deepStrictEqual(kinds(findings), ["agrees", "agrees", "missing-here"])
      assert.strictEqual(findings[2]!.seen[0]?.costUsd, "0.00300000000000005")
    }).pipe(Effect.provide(live())))

  it.scopedLive("has the runs that a recording began, with the costs that it recorded", () =>
    Effect.gen(function*() {
      const recorded = recording(
        { flow: flows[0]!, message: "a", result: 1, executionId: "r1" },
        { flow: flows[0]!, message: "b", result: 1, executionId: "r2" }
      )
      assert.deepStrictEqual(
        Reconcile.fromCassette(recorded).map(({ belief, executionId, flow }) => [belief, executionId, flow]),
        [["ran", "r1", flows[0]], ["ran", "r2", flows[0]]]
      )
      // the server does not know them: they may have been evicted
      assert.deepStrictEqual(kinds(yield* found(Reconcile.fromCassette(recorded))), ["unknown", "unknown"])
      yield* JobService
    }).pipe(Effect.provide(live())))
})
