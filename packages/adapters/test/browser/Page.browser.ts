/** A page in a real browser: the tool runs in the page, and the key is nowhere in what the browser was sent. */
import { noukaiRelayHandler, sessions } from "@effect-noukai/adapters/express"
import { startEmulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/promise"
import { build } from "esbuild"
import express from "express"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type BrowserContext, chromium } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import { listen } from "../support/listen.js"
import { plantedKey } from "../support/world.js"

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

let profile: string
let browser: BrowserContext

beforeAll(async () => {
  profile = await mkdtemp(join(tmpdir(), "noukai-page-"))
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: flags
  })
}, 60_000)

afterAll(async () => {
  await browser?.close()
  await rm(profile, { recursive: true, force: true })
})

/** The client as a page loads it. */
const bundle = async (): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [here("page.ts")],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    conditions: process.env.TEST_DIST === undefined ? ["@effect-noukai/source"] : []
  })
  return outputFiles[0]!.text
}

/** Keeps every byte that goes to the browser, headers included. */
const recordingBytes = (bytes: Array<string>): express.RequestHandler => {
  const known = new WeakSet<object>()
  return ({ socket }, _response, next) => {
    if (!known.has(socket)) {
      known.add(socket)
      const write = socket.write.bind(socket) as (chunk: string | Uint8Array, ...rest: Array<unknown>) => boolean
      socket.write = (chunk: string | Uint8Array, ...rest: Array<unknown>) => {
        bytes.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("latin1"))
        return write(chunk, ...rest)
      }
    }
    next()
  }
}

const startApp = async (port: number, bytes: Array<string>) => {
  const client = new Noukai({ apiKey: plantedKey, env: "dev", port })
  const script = await bundle()
  const html = await readFile(here("page.html"), "utf8")
  const app = express()
  app.use(recordingBytes(bytes))
  app.use(sessions({ client }))
  app.get("/", (_request, response) => {
    response.type("html").send(html)
  })
  app.get("/page.js", (_request, response) => {
    response.type("js").send(script)
  })
  app.post(
    "/agent/execute",
    noukaiRelayHandler({
      client,
      flow: "acme/support/agent",
      authorize: (_, body) => {
        if (String(body.message).includes("forbidden")) throw new Error(`with ${plantedKey}`)
        return true
      }
    })
  )
  return listen(app, () => client.close())
}

it("a page runs a flow with a tool of its own through the relay, and is never sent the key", async () => {
  await using emulator = await startEmulator({
    flows: [{
      ref: "acme/support/agent",
      steps: [{
        kind: "tool",
        id: "lookup",
        rounds: [[{ name: "find_order", arguments: { id: "A17" } }]],
        output: { answer: "Your order: {{tools.find_order}}" }
      }]
    }],
    keys: [{ key: plantedKey, org: "acme", project: "support" }]
  })
  const bytes: Array<string> = []
  const app = await startApp(emulator.port, bytes)
  const page = await browser.newPage()
  const complaints: Array<string> = []
  const hosts = new Set<string>()
  page.on("request", (request) => hosts.add(new URL(request.url()).origin))
  page.on("pageerror", (error) => complaints.push(error.message))
  page.on("console", (message) => complaints.push(message.text()))

  await page.goto(app.url)
  await page.getByRole("button").click()
  await page.locator("output", { hasText: "Your order" }).waitFor()
  assert.strictEqual(await page.locator("output").textContent(), "{\"answer\":\"Your order: shipped on Monday\"}")
  assert.deepStrictEqual(await page.locator("li").allTextContents(), ["find_order A17"])
  const { requests, runsStarted } = emulator.ledger()
  assert.strictEqual(runsStarted, 1)
  assert.lengthOf(requests, 2)
  assert.isTrue(requests.every(({ headers }) => headers["user-agent"]?.includes("Chrom") === false))
  assert.deepStrictEqual(complaints, [])

  await page.getByRole("textbox").fill("forbidden")
  await page.getByRole("button").click()
  await page.locator("output", { hasText: "FORBIDDEN" }).waitFor()
  assert.strictEqual(await page.locator("output").textContent(), "PermissionDeniedError: FORBIDDEN")
  assert.strictEqual(emulator.ledger().runsStarted, 1)

  const received = bytes.join("")
  // page, script, two rounds, the refusal
  for (const part of ["<!doctype html>", "tool_calls_required", "shipped on Monday", "FORBIDDEN"]) {
    assert.include(received.toLowerCase(), part.toLowerCase())
  }
  assert.isAtLeast(received.match(/HTTP\/1\.1 \d{3}/g)?.length ?? 0, 5)
  for (const text of [received, await page.content()]) assert.notInclude(text, plantedKey)
  assert.deepStrictEqual([...hosts], [app.url])
  await page.close()
  await app.close()
}, 60_000)
