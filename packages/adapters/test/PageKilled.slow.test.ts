/** A server of a page that is killed (SIGKILL) within a run, and another one that shares its store of turns. */
import type { Claim } from "@effect-noukai/adapters/Page"
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { afterAll, assert, it } from "vitest"
import { bundledProgram } from "../../sdk/test/support/bundledProgram.js"
import { listenWeb } from "./support/listen.js"
import * as P from "./support/pages.js"
import { plantedKey } from "./support/world.js"

const pages = P.withPages()

const children: Array<ReturnType<typeof spawn>> = []
afterAll(() => children.forEach((child) => child.kill("SIGKILL")))

/** A store of turns over HTTP. The time of its leases is that of `now`. */
const storeOver = async (now: () => number): Promise<string> => {
  const turns = P.sharedTurns(now)
  const app = await listenWeb(async (request) => {
    const { chat, claim } = await request.json() as { readonly chat?: string; readonly claim: Claim }
    return Response.json({ answer: await (chat === undefined ? turns.claim(claim) : turns.latest(chat)) })
  }, async () => {})
  pages.closers.push(app.close)
  return app.url
}

const server = async (store: string) => {
  const program = await bundledProgram(new URL("support/pageProcess.ts", import.meta.url))
  const child = spawn(process.execPath, [program, String(pages.emulator().port), store], {
    env: { ...process.env, NOUKAI_API_KEY: plantedKey },
    stdio: ["ignore", "pipe", "inherit"]
  })
  children.push(child)
  const [line] = await once(child.stdout.setEncoding("utf8"), "data") as [string]
  return { child, url: line.trim() }
}

it("the message again on another server goes on with the run, once the lease has ended", async () => {
  let late = 0
  const store = await storeOver(() => Date.now() + late)
  const [one, two] = await Promise.all([server(store), server(store)])
  const chat = randomUUID()
  const send = (url: string) => P.post(url, chat, [P.user("m1", "Hi")])
  pages.gate.shut()
  const first = (await send(one.url)).body!.pipeThrough(new TextDecoderStream()).getReader()
  for (let text = ""; !text.includes("second");) {
    const { done, value } = await first.read()
    if (done) assert.fail(`no second step: ${text}`)
    text += value
  }
  const exit = once(one.child, "exit")
  one.child.kill("SIGKILL")
  assert.deepStrictEqual(await exit, [null, "SIGKILL"])
  // the dead process holds the turn
  const held = await send(two.url)
  assert.strictEqual(held.status, 200)
  await held.body!.cancel()
  assert.strictEqual(pages.runs(), 1)
  late = 61_000
  pages.gate.open()
  const read = await P.read(await send(two.url))
  assert.strictEqual(P.textOf(read), "Hi two!")
  assert.deepStrictEqual((await P.read(await send(two.url))).chunks, read.chunks)
  const { runs, runsStarted } = pages.emulator().ledger()
  assert.deepStrictEqual([runsStarted, runs.map(({ status }) => status)], [1, ["completed"]])
  // of the steps, the second alone costs, and it may have run twice
  assert.include([P.plantedCost, String(2 * Number(P.plantedCost))], pages.emulator().ledger().billedUsd)
})
