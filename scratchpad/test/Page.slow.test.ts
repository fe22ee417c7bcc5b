/** The servers of the guide about pages that no browser opens, against an emulator. */
import type { Chunk } from "@effect-noukai/adapters/Page"
import { startEmulator } from "@effect-noukai/emulator"
import { spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { assert, it, onTestFinished } from "vitest"
import { inputOf } from "../page/input.js"
import { turns } from "../page/turns.js"

const pathOf = (url: URL): string => fileURLToPath(url)

/** Runs a program that has the module as `page`, and returns the JSON that it prints. */
const printed = async (module: URL, program: string): Promise<ReturnType<typeof JSON.parse>> => {
  const emulator = await startEmulator({ file: pathOf(new URL("../page/flows.json", import.meta.url)) })
  onTestFinished(() => emulator.close())
  // it finds the emulator at 8080, the port of NOUKAI_ENV=dev
  const prelude = `import net from "node:net"
    const { connect } = net
    net.connect = ({ port, ...options }, ...more) =>
      connect({ ...options, port: String(port) === "8080" ? ${emulator.port} : port }, ...more)
    globalThis.userOf = async (request) => request.headers.has("x-login") && { id: "you" }
    const page = await import(${JSON.stringify(module.href)})
    const request = (method, path, login, body) => new Request("http://localhost/api/triage" + path, {
      method,
      headers: { "content-type": "application/json", ...login && { "x-login": "1" } },
      ...body && { body: JSON.stringify(body) }
    })
    const message = { id: "chat-1", messages: [{ id: "m1", role: "user", parts: [{ type: "text", text: "A17" }] }] }`
  const child = spawn(
    process.execPath,
    [
      "--conditions=@effect-noukai/source",
      "--import",
      "tsx",
      "--input-type=module",
      "--eval",
      `${prelude}\n${program}`
    ],
    {
      cwd: pathOf(new URL("..", import.meta.url)),
      env: { ...process.env, NOUKAI_ENV: "dev", NOUKAI_API_KEY: emulator.apiKey },
      stdio: ["ignore", "pipe", "inherit"]
    }
  )
  onTestFinished(() => void child.kill("SIGKILL"))
  const output = JSON.parse(await text(child.stdout))
  return { ...output, runs: emulator.ledger().runsStarted }
}

/** The types of the chunks of a stream. */
const typesOf = (stream: string): ReadonlyArray<string> =>
  [...stream.matchAll(/^data: (\{.*)$/gm)].map(([, chunk]) => (JSON.parse(chunk!) as Chunk).type)

for (
  const [name, module, send] of [
    [
      "the route of Next.js",
      new URL("../page/route.ts", import.meta.url),
      "(request) => page[request.method](request)"
    ],
    ["the app of Hono", new URL("../page/hono.ts", import.meta.url), "(request) => page.app.fetch(request)"]
  ] as const
) {
  it(`${name} runs a flow up to a question, shows it again, and knows its user`, async () => {
    const { cancelled, refused, run, runs, shown, status } = await printed(
      module,
      `const send = ${send}
      const refused = (await send(request("POST", "", false, message))).status
      const response = await send(request("POST", "", true, message))
      const run = await response.text()
      const shown = await (await send(request("GET", "/chat-1/stream", true))).text()
      const cancelled = (await send(request("DELETE", "/chat-1", true))).status
      console.log(JSON.stringify({ refused, status: response.status, run, shown, cancelled }))
      process.exit()`
    )
    assert.deepStrictEqual([refused, status, cancelled, runs], [403, 200, 404, 1])
    for (const stream of [run, shown]) {
      assert.includeMembers([...typesOf(stream)], ["start", "data-step", "tool-input-available", "finish"])
      assert.include(stream, "Refund this order?")
    }
  })
}

it("the input of a form is checked", () => {
  const message = (data: unknown) => [{ id: "1", role: "user" as const, parts: [{ type: "data-input", data }] }]
  assert.deepStrictEqual(inputOf(message({ order: 17, reason: "lost" })), {
    message: "lost",
    parameters: { order: 17 }
  })
  for (const data of [undefined, { order: "17", reason: "lost" }, { order: 17 }]) {
    assert.throws(() => inputOf(message(data)), "not an order")
  }
})

it("the store of turns gives a chat to one holder at a time, over all who open the file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "noukai-turns-"))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const [one, other] = [turns(join(folder, "turns.db")), turns(join(folder, "turns.db"))]
  const claim = { chat: "c", turn: "t1", holder: "one", lease: 60_000 }
  assert.isUndefined(one.latest("c"))
  assert.isTrue(one.claim(claim))
  assert.isFalse(other.claim({ ...claim, turn: "t2", holder: "other" }))
  assert.deepStrictEqual(other.latest("c"), { turn: "t1", held: true })
  assert.isTrue(one.claim(claim))
  assert.isTrue(one.claim({ ...claim, lease: 0 }))
  assert.deepStrictEqual(other.latest("c"), { turn: "t1", held: false })
  assert.isTrue(other.claim({ ...claim, turn: "t2", holder: "other" }))
  assert.isFalse(one.claim(claim))
  assert.isTrue(one.claim({ ...claim, chat: "d" }))
})
