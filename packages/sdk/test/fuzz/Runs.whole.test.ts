/** Runs against servers that cut, refuse, mix runs up and talk nonsense (docs/wire.md#execute, docs/wire.md#step). */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FC from "effect/FastCheck"
import { fuzzEffect, fuzzTimeout } from "../support/fuzz.js"
import { type Drawn, drawn, observe, type Observed, type Program } from "../support/scriptedRuns.js"

const json = (text: string): { readonly [field: string]: unknown } => JSON.parse(text)

/** The bodies of the requests that run something. */
const posts = ({ requests }: Observed) =>
  requests.filter((request) => request.startsWith("POST")).map((request) => json(request.slice(request.indexOf("{"))))

const eventsOf = ({ seen }: Observed) => seen.filter(([kind]) => kind === "event").map(([, text]) => json(text))

const quiet: Program = {
  operation: "execute",
  tools: "handled",
  maxCostUsd: undefined,
  budget: undefined,
  runRemaining: false,
  heals: false,
  maxRetries: 0,
  resume: "itself",
  key: { takeOver: false, rerunFailed: false, isTwice: false },
  failsAtPause: false
}

/** A server that makes no mistakes, whose pauses name their calls. */
const smooth: FC.Arbitrary<Drawn> = drawn(true).map(({ plan, ...rest }) => ({
  ...rest,
  replay: undefined,
  plan: { ...plan, before: "none", steps: plan.steps.map((step) => ({ ...step, calls: Math.max(step.calls, 1) })) }
}))

/** The end of a run, as any operation tells it. */
const endOf = ({ ends, seen }: Observed): string => {
  const last = seen.filter(([kind]) => kind === "event").at(-1)?.[1]
  const end = last ?? ends.at(-1)!
  if (!end.startsWith("{")) return /"code":"([A-Z_]+)"/.exec(end)?.[1] ?? end
  const { error, result, type } = json(end)
  return type === "step_error" ? (error as { readonly code: string }).code : JSON.stringify(result)
}

const observed = (script: Drawn, check: (seen: Observed) => void) => Effect.map(observe(script), check)

describe("runs of any server", () => {
  it.live(
    "fail with typed errors alone, live and replayed",
    () =>
      fuzzEffect(drawn(false), 100, (script) =>
        observed(script, ({ defects, replayed }) => {
          assert.deepStrictEqual([...defects, ...replayed?.defects ?? []], [])
        })),
    fuzzTimeout
  )

  it.live(
    "one call begins no more than one run, and names no other run's id",
    () =>
      fuzzEffect(
        drawn(false).filter(({ program: { operation } }) => operation === "execute" || operation === "events"),
        100,
        (script) =>
          observed(script, (seen) => {
            // a stream that never learned the id of its run goes on from its cursor, which begins another
            const calls = script.program.operation === "execute" ? 1 : seen.ends.length
            assert.isAtMost(seen.begun, calls)
            const ids = posts(seen).flatMap(({ executionId }) => executionId === undefined ? [] : [executionId])
            if (script.posts.every(({ _tag }) => _tag !== "other run")) {
              assert.isTrue(ids.every((id) => /^ex-\d$/.test(String(id))), ids.join())
            }
            if (script.program.operation === "execute") assert.isAtMost(new Set(ids).size, 1)
          })
      ),
    fuzzTimeout
  )

  it.live(
    "nothing is posted to a run whose end was told",
    () =>
      fuzzEffect(
        drawn(false),
        100,
        (script) => observed(script, ({ afterEnd }) => assert.deepStrictEqual(afterEnd, []))
      ),
    fuzzTimeout
  )

  it.live(
    "each pause is told before it is answered, and answered once",
    () =>
      fuzzEffect(smooth, 100, ({ program: _, ...script }) =>
        observed({ ...script, program: quiet }, (seen) => {
          const kinds = seen.seen.map(([kind]) => kind)
          const rounds = script.plan.steps.reduce((sum, step) => sum + step.rounds, 0)
          assert.deepStrictEqual(kinds, Array.from({ length: rounds }, () => ["onPause", "handler"]).flat())
          assert.lengthOf(seen.requests, rounds + 1)
          const states = seen.seen.filter(([kind]) => kind === "onPause").map(([, text]) => json(text))
          assert.deepStrictEqual(states.map(({ rounds }) => rounds), states.map((_, place) => place))
        })),
    fuzzTimeout
  )

  it.live(
    "execute, walked or not, by hand or by a handler, and events come to one end",
    () =>
      fuzzEffect(
        FC.tuple(smooth, FC.constantFrom("itself" as const, "state" as const)),
        8,
        ([script, resume]) =>
          Effect.gen(function*() {
            // a replay has one shape of results, and tool rounds by hand are limited in the program
            const programs: ReadonlyArray<Program> = [
              quiet,
              { ...quiet, maxCostUsd: "100" },
              { ...quiet, operation: "events" },
              { ...quiet, operation: "events", runRemaining: true, tools: "manual" },
              { ...quiet, tools: "manual", resume },
              { ...quiet, tools: "manual", resume, maxCostUsd: "100" }
            ]
            const rounds = script.plan.steps.reduce((sum, step) => sum + step.rounds, 0)
            const ends: Array<string> = []
            for (const program of programs) {
              if (program.tools === "manual" && rounds > 4) continue
              // `execute` answers a run without a result with `null`
              const ending = script.plan.ending === "failed" ? "failed" : "completed"
              ends.push(endOf(yield* observe({ ...script, plan: { ...script.plan, ending }, program })))
            }
            assert.deepStrictEqual(ends, ends.map(() => ends[0]!))
          })
      ),
    fuzzTimeout
  )

  it.live(
    "a stream that was cut goes on from its cursor to the end that it would have had",
    () =>
      fuzzEffect(
        FC.tuple(smooth, FC.nat(3), FC.nat(99), FC.boolean()),
        100,
        ([script, at, percent, heals]) =>
          Effect.gen(function*() {
            const program: Program = { ...quiet, operation: "events", heals }
            const whole = yield* observe({ ...script, program })
            const none = { _tag: "none" } as const
            const cut = { _tag: "ended", share: percent / 100 } as const
            const cutOff = yield* observe({
              ...script,
              program,
              posts: [...Array.from({ length: at }, () => none), cut]
            })
            const named = eventsOf(cutOff).some(({ type }) => type === "run_started")
            if (!named) return
            assert.strictEqual(endOf(cutOff), endOf(whole))
            const completed = (seen: Observed) =>
              eventsOf(seen).filter(({ type }) => type === "step_completed").map(({ stepId }) => stepId)
            assert.deepStrictEqual(completed(cutOff), completed(whole))
          })
      ),
    fuzzTimeout
  )

  it.live(
    "what was recorded replays to the same ends, and is used up",
    () =>
      fuzzEffect(
        FC.tuple(smooth, FC.constantFrom("position" as const, "input" as const, "strict" as const)),
        100,
        ([script, match]) =>
          observed({ ...script, replay: { match, isOther: false } }, ({ ends, replayed, requests }) => {
            // a cassette without calls is not written
            if (requests.length === 0) return
            const isLimited = script.program.maxCostUsd !== undefined || script.program.budget !== undefined
            const isOnce = script.program.operation === "executeOnce" || script.program.operation === "submitOnce"
            if (isLimited || isOnce) return
            assert.deepStrictEqual(replayed!.ends.slice(0, -1), ends)
            assert.strictEqual(replayed!.ends.at(-1), "\"~\"")
          })
      ),
    fuzzTimeout
  )
})
