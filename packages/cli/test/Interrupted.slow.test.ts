/** Ctrl-C in every command that asks a server. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Schedule } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { folder, list, write } from "../../sdk/test/support/folder.js"
import { ctrlC, inTerminal, watched } from "./support/command.js"

const flow = "acme/test/silent"

const [session, id] = ["5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01", "65bddc2c-4ff6-429e-8b0c-d0f582466f1d"]

/** A server that hears requests, and never answers. */
const silent = Effect.gen(function*() {
  const heard = yield* Queue.unbounded<string>()
  const server = createServer((request) => {
    Queue.unsafeOffer(heard, `${request.method} ${request.url}`)
  })
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return { heard, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
})

const commands: ReadonlyArray<ReadonlyArray<string>> = [
  ["run", flow, "hi"],
  ["run", flow, "hi", "--stream"],
  ["run", flow, "hi", "--once", "key"],
  ["watch", flow, id],
  ["trace", flow, id],
  ["runs", "--flow-id", "fl_1"],
  ["cost", flow, id],
  ["diff", `${flow}/${id}`, `${flow}/${id}`],
  ["job", "submit", flow, "hi"],
  ["job", "submit", flow, "hi", "--wait"],
  ["job", "status", flow, id],
  ["job", "wait", flow, id],
  ["job", "result", flow, id],
  ["session", "show", session],
  ["session", "save", session, "saved.json"],
  ["doctor"]
]

/** Those that have a terminal in `npm test`, too: one asks for an answer, and one polls. */
const inTerminals = new Set(
  commands.filter(([name, does], at) => at === 0 || `${name} ${does}` === "job wait")
)

describe("Ctrl-C", () => {
  for (const command of commands) {
    it.scopedLive(`ends noukai ${command.join(" ")}, which has asked once, and writes nothing`, () =>
      Effect.gen(function*() {
        const { baseUrl, heard } = yield* silent
        const cwd = yield* folder
        const running = yield* (inTerminals.has(command) ? inTerminal : watched)(command, {
          cwd,
          env: { NOUKAI_BASE_URL: baseUrl, NOUKAI_API_KEY: "nk_silent" }
        })
        yield* Queue.take(heard)
        yield* running.type(ctrlC)
        assert.strictEqual(yield* running.code, 130, running.output())
        assert.deepStrictEqual([yield* Queue.size(heard), yield* list(cwd)], [0, []])
      }))
  }

  it.scopedLive("twice at once leaves nothing behind of what was read from stdin", () =>
    Effect.gen(function*() {
      const [cwd, temporary] = [yield* folder, yield* folder]
      const flags = ["b", flow, "--input", "-", "--key", "id"]
      for (const does of ["plan", "run"]) {
        const running = yield* inTerminal(["batch", does, ...flags], {
          cwd,
          env: { NOUKAI_API_KEY: "nk_silent", TMPDIR: temporary }
        })
        yield* running.awaitOutput("reading rows")
        yield* Effect.repeat(list(temporary), { until: (names) => names.length > 0, schedule: Schedule.spaced(10) })
        running.pty.kill("SIGINT")
        running.pty.kill("SIGTERM")
        assert.strictEqual(yield* running.code, 130, running.output())
        assert.deepStrictEqual(yield* list(temporary), [])
      }
    }))

  it.scopedLive("twice ends noukai batch run, whose ledger goes on", () =>
    Effect.gen(function*() {
      const { baseUrl, heard } = yield* silent
      const cwd = yield* folder
      yield* write(join(cwd, "rows.jsonl"), "{\"id\":1}\n")
      const running = yield* inTerminal(["batch", "run", "b", flow, "--input", "rows.jsonl", "--key", "id"], {
        cwd,
        env: { NOUKAI_BASE_URL: baseUrl, NOUKAI_API_KEY: "nk_silent" }
      })
      yield* Queue.take(heard)
      yield* running.type(ctrlC)
      yield* running.awaitOutput("Ctrl-C")
      yield* running.type(ctrlC)
      assert.strictEqual(yield* running.code, 130, running.output())
      assert.include(yield* list(cwd), "b.ledger")
    }))
})
