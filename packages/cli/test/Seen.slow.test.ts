/** `noukai runs`, `trace` and `cost` without ids: the machine knows them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { noukai } from "./support/command.js"
import { environment, folder, ran, requests, runs, serverAndClient } from "./support/server.js"

const [one, two] = ["acme/test/one", "acme/test/two"]

const flows = serverAndClient({
  flows: [one, two].map((ref, n) => ({
    ref,
    steps: [{ kind: "template" as const, id: "a", output: "x", costUsd: n === 0 ? "0.004" : "0.0006" }]
  }))
})

/** Calls with a state folder of their own. */
const calls = Effect.gen(function*() {
  const state = yield* folder
  const env = { ...yield* environment, XDG_STATE_HOME: state }
  return {
    file: join(state, "noukai", "history.jsonl"),
    call: (...args: ReadonlyArray<string>) => noukai(args, { env })
  }
})

const get = Effect.map(requests, (all) => all.filter((request) => request.startsWith("GET")))

describe("commands without ids", () => {
  it.scopedLive("trace the last run, or the last one of a flow, or one by its id alone", () =>
    Effect.gen(function*() {
      const { call } = yield* calls
      const none = yield* call("trace")
      assert.deepStrictEqual([none.code, none.stdout], [2, ""])
      assert.match(none.stderr, /has not seen a run on this server: give the flow and the id of the run/)
      for (const flow of [one, two, one, two]) yield* call("run", flow, "x")
      const ids = (yield* runs).map(({ executionId }) => executionId)
      const traced = (...args: ReadonlyArray<string>) =>
        Effect.map(call("trace", "--json", ...args), ({ stdout }): string => JSON.parse(stdout).flowRun.id)
      assert.strictEqual(yield* traced(), ids[3])
      assert.strictEqual(yield* traced(one), ids[2])
      assert.strictEqual(yield* traced(ids[0]!), ids[0])
      // reading an old run does not make it the last
      assert.strictEqual(yield* traced("--org", "acme", "--project", "test", "--", "two"), ids[3])
      const [unseen, noHistory] = [
        yield* call("trace", "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"),
        yield* call("trace", "--no-history")
      ]
      assert.deepStrictEqual([unseen.code, noHistory.code], [2, 2])
      assert.match(unseen.stderr, /has not seen run 5d1c9f44/)
      assert.match(noHistory.stderr, /--no-history requires a flow/)
    }).pipe(Effect.provide(flows)))

  it.scopedLive("take the newest run of an id, because an emulator that is started again may use its ids again", () =>
    Effect.gen(function*() {
      const { call, file } = yield* calls
      for (const flow of [one, two]) yield* call("run", flow, "x")
      const [id, last] = (yield* runs).map(({ executionId }) => executionId)
      const entries = readFileSync(file, "utf8").trim().split(/\n+/).map((line) => JSON.parse(line))
      const old = (run: string, flow: string) => ({ ...entries[0], flow, run, flowId: "fl_old", sessionId: "old" })
      writeFileSync(
        file,
        [old(id!, two), old(last!, one), old("gone", one), ...entries].map((entry) => `${JSON.stringify(entry)}\n`)
          .join("")
      )
      const traced = yield* call("trace", id!, "--json")
      assert.deepStrictEqual([traced.code, JSON.parse(traced.stdout).flowRun.id], [0, id], traced.stderr)
      assert.strictEqual(JSON.parse((yield* call("trace", "--json")).stdout).flowRun.id, last)
      const listed = JSON.parse((yield* call("runs", "--json", "--limit", "2")).stdout)
      assert.deepStrictEqual(
        listed.map((run: { readonly executionId: string; readonly flow: string }) => [run.executionId, run.flow]),
        [[last, two], [id, one]]
      )
    }).pipe(Effect.provide(flows)))

  it.scopedLive("list the runs of a flow from the second use on, by its id, with duration and cost", () =>
    Effect.gen(function*() {
      const { call } = yield* calls
      const elsewhere = yield* ran(one, "x")
      assert.strictEqual((yield* call("runs", one)).code, 2)
      yield* call("run", one, "x")
      const { code, stderr, stdout } = yield* call("runs", one)
      assert.deepStrictEqual([code, stderr], [0, ""])
      const [head, ...rows] = stdout.trimEnd().split("\n")
      assert.match(head!, /^id +status +started \(UTC\) +duration +cost$/)
      assert.lengthOf(rows, 2)
      for (const line of rows) {
        assert.match(line, /^\S{36} completed \d{4}-\d\d-\d\d \d\d:\d\d +\d+ ms +\$0\.004$/)
        assert.isAtMost(line.length, 80)
      }
      const { flowId } = (yield* runs)[0]!
      assert.include(yield* get, `GET /api/v1/flow-runs?flow_id=${flowId}&limit=100`)
      // the id alone is enough once its flow is known
      assert.strictEqual((yield* call("runs", "--flow-id", flowId)).stdout, stdout)
      assert.include(JSON.stringify(JSON.parse((yield* call("runs", one, "--json")).stdout)), elsewhere)
    }).pipe(Effect.provide(flows)))

  it.scopedLive("learn the id of a flow from a run that they have seen, where an answer had none", () =>
    Effect.gen(function*() {
      const { call, file } = yield* calls
      yield* call("run", one, "x")
      const seen = readFileSync(file, "utf8")
      appendFileSync(
        file,
        seen.replace(/,"flowId":"[^"]+"/, "").replaceAll(one, two).replace(
          /"run":"[^"]+"/,
          `"run":"${yield* ran(two, "x")}"`
        )
      )
      const listed = yield* call("runs", two)
      assert.deepStrictEqual([listed.code, listed.stdout.trimEnd().split("\n").length], [0, 2], listed.stderr)
    }).pipe(Effect.provide(flows)))

  it.scopedLive("list what this machine has seen where no flow is given, and say so", () =>
    Effect.gen(function*() {
      const { call } = yield* calls
      yield* ran(one, "elsewhere")
      assert.match((yield* call("runs")).stderr, /^no runs; the server lists the runs of one flow at a time: /)
      for (const flow of [one, two]) yield* call("run", flow, "x")
      const { stderr, stdout } = yield* call("runs")
      assert.match(stderr, /^the server lists the runs of one flow at a time: .*seen are listed\n$/)
      const [, first, second] = (yield* runs).map(({ executionId }) => executionId)
      const rows = stdout.trimEnd().split("\n")
      assert.match(rows[0]!, /^id +status +seen \(UTC\) +duration +cost flow$/)
      assert.match(rows[1]!, new RegExp(`^${second} completed .* ms +\\$0\\.0006 acme/test/two$`))
      assert.match(rows[2]!, new RegExp(`^${first} completed .* ms +\\$0\\.004 acme/test/one$`))
      assert.lengthOf(rows, 3)
      const json = JSON.parse((yield* call("runs", "--json", "--limit", "1")).stdout)
      assert.deepInclude(json[0], { executionId: second, flow: two, status: "completed", costUsd: "0.0006" })
    }).pipe(Effect.provide(flows)))

  it.scopedLive("add up the last run, a flow, or all since a moment", () =>
    Effect.gen(function*() {
      const { call } = yield* calls
      yield* ran(one, "elsewhere")
      for (const flow of [one, one, two]) yield* call("run", flow, "x")
      const total = (...args: ReadonlyArray<string>) =>
        Effect.map(call("cost", ...args, "--json"), ({ stderr, stdout }): readonly [string, number] => {
          assert.notEqual(stdout, "", stderr)
          const { runs, total } = JSON.parse(stdout)
          return [total.costUsd, runs.length]
        })
      assert.deepStrictEqual(yield* total(), ["0.0006", 1])
      assert.deepStrictEqual(yield* total(one), ["0.012", 3])
      assert.deepStrictEqual(yield* total(one, "--since", "1h"), ["0.012", 3])
      assert.deepStrictEqual(yield* total("--since", "1d"), ["0.0086", 3])
      assert.deepStrictEqual(yield* total((yield* runs)[1]!.executionId), ["0.004", 1])
      const both = yield* call("cost", one, "id", "--since", "1d")
      assert.deepStrictEqual([both.code, both.stdout], [2, ""])
    }).pipe(Effect.provide(flows)))

  it.scopedLive("--since leaves out older runs, without reading on", () =>
    Effect.gen(function*() {
      const { call } = yield* calls
      const old = yield* ran(one, "x")
      const moment = new Date(Date.now() + 1).toISOString()
      yield* Effect.repeat(Effect.sync(() => Date.now()), {
        until: (now) => now > Date.parse(moment),
        schedule: Schedule.spaced(1)
      })
      yield* call("run", one, "x")
      const { stdout } = yield* call("runs", one, "--since", moment)
      assert.lengthOf(stdout.trimEnd().split("\n"), 2)
      assert.notInclude(stdout, old)
      assert.include((yield* call("runs", one, "--since", "7d")).stdout, old)
      assert.strictEqual((yield* call("runs", one, "--since", "2999-01-01")).stderr, "no runs\n")
      for (const wrong of ["7", "soon", "2026-99-99"]) {
        assert.strictEqual((yield* call("runs", one, "--since", wrong)).code, 2)
      }
    }).pipe(Effect.provide(flows)))
})
