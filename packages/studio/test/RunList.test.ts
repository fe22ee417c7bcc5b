/** The list of runs against a model: an array that is filtered and sorted anew for each page. */
import * as RunList from "@effect-noukai/studio/RunList"
import type { Run, RunFilter, RunOrder } from "@effect-noukai/studio/RunsApi"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"

const ids = ["a", "b", "c", "d", "e", "f", "g"]

const runs: fc.Arbitrary<Run> = fc.record({
  id: fc.constantFrom(...ids),
  flow: fc.constantFrom("acme/spelling/one", "acme/Spelling/two", "other/x/ONE"),
  status: fc.constantFrom("running", "completed", "failed"),
  version: fc.constantFrom("1", "2"),
  trigger: fc.constantFrom("job", "execute"),
  sessionId: fc.constantFrom("ABC-1", "abc-2"),
  startedAt: fc.integer({ min: 0, max: 5 })
}, { requiredKeys: ["id", "flow", "status"] })

const text = fc.constantFrom("", "a", "ONE", "acme", "job", "abc", "fail", "2", "no such", "1job")

const filters: fc.Arbitrary<RunFilter> = fc.record({
  flow: fc.constantFrom("", "one", "spelling", "ACME/"),
  ofFlow: fc.constantFrom("", "acme/spelling/one", "acme/spelling/two", "acme/spelling"),
  status: fc.constantFrom("", "running", "failed", "fail"),
  session: fc.constantFrom("", "abc-1", "abc"),
  from: fc.integer({ min: 0, max: 5 }),
  to: fc.integer({ min: 0, max: 5 }),
  text
}, { requiredKeys: [] })

type Command =
  | { readonly put: Run }
  | { readonly remove: string }
  | { readonly clear: true }
  | { readonly filter: RunFilter; readonly offset: number; readonly limit: number }

const commands: fc.Arbitrary<ReadonlyArray<Command>> = fc.array(
  fc.oneof(
    { arbitrary: fc.record({ put: runs }), weight: 6 },
    { arbitrary: fc.record({ remove: fc.constantFrom(...ids) }), weight: 2 },
    { arbitrary: fc.record({ clear: fc.constant(true as const) }), weight: 1 },
    {
      arbitrary: fc.record({
        filter: filters,
        offset: fc.integer({ min: 0, max: 8 }),
        limit: fc.integer({ min: 0, max: 8 })
      }),
      weight: 6
    }
  ),
  { maxLength: 60 }
)

const isIn = ({ flow, from, ofFlow, session, status, text, to }: RunFilter, run: Run): boolean => {
  const includes = (whole: string | undefined, part: string) => (whole ?? "").toLowerCase().includes(part.toLowerCase())
  return (!flow || includes(run.flow, flow)) && (!ofFlow || run.flow === ofFlow) &&
    (!status || run.status === status) &&
    (from === undefined || run.startedAt! >= from) && (to === undefined || run.startedAt! <= to) &&
    (!session || run.sessionId?.toLowerCase() === session.toLowerCase()) &&
    (!text ||
      [run.id, run.flow, run.version, run.status, run.trigger, run.sessionId].some((one) => includes(one, text)))
}

describe("a list of runs", () => {
  it("is the runs that were put, newest first, whatever the filter and the page", () => {
    fc.assert(
      fc.property(commands, (commands) => {
        const list = RunList.make()
        let model: Array<{ readonly run: Run; readonly order: number }> = []
        let orders = 0
        for (const command of commands) {
          if ("put" in command) {
            const before = model.find(({ run }) => run.id === command.put.id)
            model = model.filter((one) => one !== before)
            model.push({ run: command.put, order: before?.order ?? orders++ })
            list.put(command.put)
          } else if ("remove" in command) {
            const isKnown = model.some(({ run }) => run.id === command.remove)
            model = model.filter(({ run }) => run.id !== command.remove)
            assert.strictEqual(list.remove(command.remove), isKnown)
          } else if ("clear" in command) {
            model = []
            list.clear()
          } else {
            const { filter, limit, offset } = command
            const all = model
              .filter(({ run }) => isIn(filter, run))
              .sort((one, other) => (other.run.startedAt ?? 0) - (one.run.startedAt ?? 0) || other.order - one.order)
              .map(({ run }) => run)
            assert.deepStrictEqual(list.page(filter, { offset, limit }), {
              runs: all.slice(offset, offset + limit),
              total: all.length
            })
            for (const { run } of model) assert.strictEqual(RunList.matches(filter)(run), isIn(filter, run))
          }
          assert.strictEqual(list.size, model.length)
          for (const id of ids) assert.strictEqual(list.get(id), model.find(({ run }) => run.id === id)?.run)
        }
      }),
      { numRuns: 500 }
    )
  })

  it("takes 50,000 runs, and gives a page of them at once", () => {
    const list = RunList.make()
    for (let index = 0; index < 50_000; index++) {
      list.put({ id: `run-${index}`, flow: `a/b/${index % 9}`, status: "running", startedAt: index })
      list.put({ id: `run-${index}`, flow: `a/b/${index % 9}`, status: "completed", startedAt: index })
    }
    const { runs, total } = list.page({}, { offset: 9_900, limit: 100 })
    assert.strictEqual(total, 50_000)
    assert.deepStrictEqual(runs.map(({ id }) => id), Array.from({ length: 100 }, (_, at) => `run-${40_099 - at}`))
    assert.isTrue(runs.every(({ status }) => status === "completed"))
    const found = list.page({ text: "run-4999", flow: "b/3" }, { offset: 0, limit: 100 })
    assert.deepStrictEqual(found.runs.map(({ id }) => id), ["run-49998"])
  })
})

describe("the order of a list", () => {
  const orders: ReadonlyArray<RunOrder> = ["costUsd", "-costUsd", "flow", "-durationMs", "startedAt", "-startedAt"]

  it("is that of the fact, with runs without it last, and those that are equal the newest first", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            flow: fc.constantFrom("a/b/c", "a/b/d"),
            costUsd: fc.constantFrom("0.5", "0.25", "10", "1"),
            durationMs: fc.integer({ min: 0, max: 3 })
          }, { requiredKeys: ["flow"] }),
          { maxLength: 30 }
        ),
        fc.constantFrom(...orders),
        fc.integer({ min: 0, max: 5 }),
        (facts, order, offset) => {
          const list = RunList.make()
          facts.forEach((fact, at) => list.put({ id: `run-${at}`, status: "completed", startedAt: at, ...fact }))
          const name = order.replace("-", "") as "costUsd" | "flow" | "durationMs" | "startedAt"
          const rank = (run: Run) => name === "costUsd" && run.costUsd !== undefined ? Number(run.costUsd) : run[name]
          const all = list.page({}, { offset: 0, limit: 100 }).runs.toSorted((one, other) => {
            const [a, b] = [rank(one), rank(other)]
            if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined)
            const sign = order.startsWith("-") ? -1 : 1
            return a < b ? -sign : a > b ? sign : 0
          })
          const page = list.page({}, { offset, limit: 10, order })
          assert.deepStrictEqual(page, { runs: all.slice(offset, offset + 10), total: facts.length })
        }
      )
    )
  })

  it("is that of the runs that match", () => {
    const list = RunList.make()
    for (const [id, tokens] of [["a", 5], ["b", 9], ["c", 7]] as const) {
      list.put({ id, flow: "a/b/c", status: id === "b" ? "failed" : "completed", tokens })
    }
    const { runs, total } = list.page({ status: "completed" }, { offset: 0, limit: 9, order: "-tokens" })
    assert.deepStrictEqual([runs.map(({ id }) => id), total], [["c", "a"], 2])
  })
})

describe("the picture of a list", () => {
  const listOf = (runs: ReadonlyArray<Run>) => {
    const list = RunList.make()
    runs.forEach(list.put)
    return list
  }

  const row = (index: number, facts: Partial<Run> = {}): Run => ({
    id: `run-${index}`,
    flow: "a/b/c",
    status: "completed",
    startedAt: index,
    durationMs: 100 + index % 10,
    ...facts
  })

  it("has all runs of a short list that have a start and a duration, oldest first, and marks those that lasted long", () => {
    const list = listOf([
      ...Array.from({ length: 20 }, (_, index) => row(index)),
      row(20, { durationMs: 5_000 }),
      row(21, { flow: "a/b/slow", durationMs: 5_000 }),
      row(22, { status: "failed", durationMs: 1 }),
      { id: "goes-on", flow: "a/b/c", status: "running", startedAt: 23 },
      { id: "no-start", flow: "a/b/c", status: "completed", durationMs: 4 }
    ])
    const { points, total } = list.points({})
    assert.strictEqual(total, 23)
    assert.deepStrictEqual(points.map(({ startedAt }) => startedAt), Array.from({ length: 23 }, (_, index) => index))
    assert.deepStrictEqual(points.flatMap(({ id, isOutlier }) => isOutlier ? [id] : []), ["run-20"])
    // the other runs of its flow are those of the whole list
    assert.deepStrictEqual(list.points({ from: 20, to: 20 }), {
      points: [{ id: "run-20", flow: "a/b/c", status: "completed", startedAt: 20, durationMs: 5_000, isOutlier: true }],
      total: 1
    })
    assert.deepStrictEqual(list.points({ flow: "none" }), { points: [], total: 0 })
  })

  it("of a long list has all failures and outliers, and an equal share of the rest; the same each time", () => {
    const list = listOf(Array.from({ length: 50_000 }, (_, index) =>
      row(index, {
        ...index % 500 === 3 && { status: "failed" },
        ...index % 700 === 5 && { durationMs: 9_000 }
      })))
    const { points, total } = list.points({})
    assert.strictEqual(total, 50_000)
    assert.isAtMost(points.length, 2_000)
    assert.isAtLeast(points.length, 1_000)
    assert.strictEqual(points.filter(({ status }) => status === "failed").length, 100)
    assert.strictEqual(points.filter(({ isOutlier }) => isOutlier).length, 72)
    assert.deepStrictEqual(
      points.map(({ startedAt }) => startedAt).toSorted((a, b) => a - b),
      points.map(({ startedAt }) => startedAt)
    )
    const plain = points.filter(({ isOutlier, status }) => !isOutlier && status !== "failed")
    const gaps = plain.slice(1).map(({ startedAt }, index) => startedAt - plain[index]!.startedAt)
    assert.isBelow(Math.max(...gaps), 100)
    assert.deepStrictEqual(list.points({}).points, points)
    // a list that grows keeps its points
    for (let index = 50_000; index < 50_100; index++) list.put(row(index))
    assert.deepStrictEqual(list.points({ to: 49_999 }).points.map(({ id }) => id), points.map(({ id }) => id))
    // also of every eighth run
    const some = listOf(Array.from({ length: 40_000 }, (_, index) => row(index, { flow: `a/b/${index % 8}` })))
    assert.isAtLeast(some.points({ flow: "a/b/3" }).points.length, 1_000)
  })

  it("of more failures than it has room for has an equal share of them", () => {
    const list = listOf(Array.from({ length: 9_000 }, (_, index) => row(index, { status: "failed" })))
    const { points } = list.points({})
    assert.isAtMost(points.length, 2_000)
    assert.isAtLeast(points.length, 1_000)
    assert.isAbove(points.at(-1)!.startedAt, 8_900)
  })
})
