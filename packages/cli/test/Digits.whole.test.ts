/** Numbers that JavaScript cannot hold, in what commands print and send. */
import { Emulator } from "@effect-noukai/emulator"
import * as FlowFile from "@effect-noukai/emulator/FlowFile"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as Fs from "node:fs/promises"
import * as Wire from "../../sdk/test/support/WireServer.js"
import { noukai } from "./support/command.js"
import { environment, folder, server } from "./support/server.js"

const big = "12345678901234567890"
const values = `{"id":${big},"list":[0.12345678901234567890,-0,{"deep":-98765432109876543210.50}],"few":1.5}`
const file = `{"flows":[
  {"ref":"acme/test/big","steps":[{"kind":"template","id":"a","output":${values}}]},
  {"ref":"acme/test/again","steps":[{"kind":"template","id":"a","output":{"seen":"{{parameters.id}}"}}]},
  {"ref":"acme/test/tools","steps":[{"kind":"tool","id":"a","rounds":[[{"name":"look","arguments":${values}}]],
    "output":"{{tools.look}}"}]}
]}`

const { flows } = Either.getOrThrowWith(FlowFile.decodeText(file), (error) => error)

const exact = values.replaceAll(" ", "")

describe("numbers that JavaScript cannot hold", () => {
  it.live("are printed with their digits by run, watch, trace and jobs", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const flow = "acme/test/big"
      const out = (...args: ReadonlyArray<string>) => Effect.map(noukai(args, { env }), ({ stdout }) => stdout)
      for (const how of [["--no-steps"], []]) {
        assert.strictEqual(yield* out("run", flow, "hi", "--json", ...how), `${exact}\n`)
        assert.strictEqual(
          (yield* out("run", flow, "hi", ...how)).replace(/\s/g, ""),
          exact,
          how.join()
        )
      }
      const events = yield* out("run", flow, "hi", "--stream", "--jsonl")
      assert.include(events, `"output":${exact}`)
      assert.include(events, `"result":${exact}`)
      const id = (yield* out("job", "submit", flow, "hi", "--snapshots")).trim()
      assert.strictEqual(yield* out("job", "result", flow, id, "--json"), `${exact}\n`)
      assert.include(yield* out("job", "wait", flow, id, "--json"), `"result":${exact}`)
      assert.include(yield* out("job", "status", flow, id, "--json"), `"result":${exact}`)
      assert.strictEqual(yield* out("job", "submit", flow, "hi", "--wait", "--json"), `${exact}\n`)
      assert.include(yield* out("watch", flow, id, "--jsonl"), `"output":${exact}`)
      assert.include(yield* out("trace", flow, id, "--json"), exact)
    }).pipe(Effect.provide(server({ flows, capture: "full" }))))

  it.scopedLive("are printed with their digits where they are the whole result", () =>
    Effect.gen(function*() {
      const frame = (name: string, data: string) => `event: ${name}\ndata: ${data}\n\n`
      const body = (text: string) => Wire.text(200, text, { "content-type": "application/json" })
      const done = body(`{"status":"completed","result":${big},"flowId":"f","blockCount":1,"executionId":"ex-1"}`)
      const job = body(`{"executionId":"ex-1","status":"completed","result":${big}}`)
      const streamed = Wire.text(
        200,
        frame("run_started", `{"executionId":"ex-1","stepCount":1}`) +
          frame("step_completed", `{"stepId":"a","output":${big}}`) + frame("flow_completed", `{"executionId":"ex-1"}`),
        { "content-type": "text/event-stream" }
      )
      for (
        const [args, ...answers] of [
          [["run", "a/b/c", "hi", "--no-steps"], done],
          [["run", "a/b/c", "hi", "--stream"], streamed],
          [["job", "result", "a/b/c", "ex-1"], job, job, job],
          [["job", "submit", "a/b/c", "hi", "--wait"], body("{\"executionId\":\"ex-1\"}"), job]
        ] as ReadonlyArray<readonly [ReadonlyArray<string>, ...ReadonlyArray<Wire.Answer>]>
      ) {
        const upstream = yield* Wire.serve(...answers)
        const env = { NOUKAI_BASE_URL: upstream.baseUrl, NOUKAI_API_KEY: "nk_test_digits" }
        const { stderr, stdout } = yield* noukai([...args, "--json"], { env })
        assert.strictEqual(stdout, `${big}\n`, `${args.join(" ")}: ${stderr}`)
      }
    }))

  it.live("are sent again by run --like, and shown in a pause", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const emulator = yield* Emulator
      const first = yield* Effect.promise(() =>
        fetch(`${env.NOUKAI_BASE_URL}/seq/acme/test/again/execute`, {
          method: "POST",
          headers: { authorization: `Bearer ${env.NOUKAI_API_KEY}`, "content-type": "application/json" },
          body: `{"message":"hi","trace":true,"parameters":{"id":${big},"n":1}}`
        }).then((response) => response.text())
      )
      const { executionId } = JSON.parse(first) as { readonly executionId: string }
      const again = yield* noukai(
        ["run", "acme/test/again", "--like", executionId, "-p", "n:=2", "--no-steps", "--json"],
        { env }
      )
      assert.strictEqual(again.stdout, `{"seen":${big}}\n`, again.stderr)
      const { requests } = yield* emulator.ledger
      assert.include(requests.at(-1)?.body, `"parameters":{"id":${big},"n":2}`)
      const path = `${yield* folder}/tools.json`
      yield* Effect.promise(() => Fs.writeFile(path, "[{\"type\":\"function\",\"function\":{\"name\":\"look\"}}]"))
      const paused = yield* noukai(["run", "acme/test/tools", "hi", "--tools", path, "--json"], { env })
      assert.include(paused.stdout, JSON.stringify(values))
      assert.include(paused.stderr, big)
    })).pipe(Effect.provide(server({ flows, capture: "full" }))))
})
