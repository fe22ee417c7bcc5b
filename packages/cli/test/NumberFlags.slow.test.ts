/** Flags that take a number or a time: one that is none, or is out of range, ends with 2, and nothing is sent. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { folder, write } from "../../sdk/test/support/folder.js"
import { noukai } from "./support/command.js"
import { environment, requests, server } from "./support/server.js"

const flow = "acme/test/echo"

const batch = ["batch", "run", "b", flow, "--input", "rows.jsonl", "--key", "id"]

const counts = ["NaN", "-1", "0.5", "Infinity", "1e21", "", "0x10", "five", "١"]

/** Numbers that are no time, and no amount of money. */
const amounts = ["NaN", "-1", "Infinity", "", "0x10", "five", "١", "1,5"]

const flags: ReadonlyArray<readonly [ReadonlyArray<string>, string, ReadonlyArray<string>]> = [
  [batch, "--concurrency", [...counts, "0"]],
  [batch, "--max-failures", counts],
  [batch, "--attempts", [...counts, "0"]],
  [batch, "--rate", [...amounts, "0"]],
  [[...batch, "--max-cost-per-row", "0.1"], "--budget", amounts],
  [[...batch, "--budget", "1"], "--max-cost-per-row", amounts],
  ...["--backoff", "--grace", "--row-timeout", "--pending-timeout", "--stop-within"].map((
    flag
  ) => [batch, flag, amounts] as const),
  [["run", flow, "hi"], "--timeout", amounts],
  [["run", flow, "hi"], "--max-cost", amounts],
  [["run", flow, "hi"], "--port", [...counts, "65536"]],
  [["job", "submit", flow, "hi"], "--timeout", amounts],
  [["runs", flow], "--limit", [...counts, "0"]],
  [["types", flow], "--runs", counts],
  [["reconcile", "rows.jsonl"], "--rate", [...counts, "0"]],
  [["watch", flow, "00000000-0000-4000-8000-000000000000"], "--timeout", amounts],
  [["doctor"], "--timeout", amounts],
  [["dev"], "--port", [...counts, "65536"]]
]

describe("a flag that takes a number", () => {
  for (const [args, flag, values] of flags) {
    it.scopedLive(`${args.slice(0, 2).join(" ")} ${flag}`, () =>
      Effect.gen(function*() {
        const env = yield* environment
        const cwd = yield* folder
        yield* write(join(cwd, "rows.jsonl"), "{\"id\":\"a\"}\n")
        yield* Effect.forEach(values, (value) =>
          Effect.gen(function*() {
            const { code, stderr } = yield* noukai([...args, `${flag}=${value}`], { env, cwd })
            assert.deepStrictEqual([value, code], [value, 2], stderr)
            assert.include(stderr, flag.slice(2))
          }), { concurrency: 4, discard: true })
        assert.deepStrictEqual(yield* requests, [])
      }).pipe(Effect.provide(server({ flows: [{ ref: flow, steps: [{ kind: "template", id: "a", output: 1 }] }] }))))
  }
})
