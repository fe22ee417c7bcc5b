/** The chat and the form of the guide in a browser, on two processes of the server. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import axe from "axe-core"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { type Browser, chromium, type Page } from "playwright-core"
import { build } from "vite"
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, it, vi } from "vitest"

const folder = fileURLToPath(new URL("../../page", import.meta.url))
const pages = [new URL("../../page/chat.html", import.meta.url), new URL("../../page/form.html", import.meta.url)]
const flows = new URL("../../page/flows.json", import.meta.url)
const guide = new URL("../../page/server.ts", import.meta.url)
const answer = "Thank you. Your order was found, and the refund is on its way."

let browser: Browser
let temporary: string
let emulator: RunningEmulator
const children: Array<ChildProcess> = []

const freePort = async (): Promise<number> => {
  const server = createServer()
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts a program of the folder. Returns the first address that it prints. */
const started = async (env: Readonly<Record<string, string>>, ...program: ReadonlyArray<string>): Promise<string> => {
  // it finds the emulator at 8080, the port of NOUKAI_ENV=dev
  const redirect = `import net from "node:net"
    const { connect } = net
    net.connect = ({ port, ...options }, ...more) =>
      connect({ ...options, port: String(port) === "8080" ? ${emulator.port} : port }, ...more)`
  const child = spawn(
    process.execPath,
    [
      "--conditions=@effect-noukai/source",
      "--import",
      "tsx",
      "--import",
      `data:text/javascript,${encodeURIComponent(redirect)}`,
      ...program
    ],
    {
      cwd: folder,
      env: { ...process.env, NODE_ENV: "", NOUKAI_ENV: "dev", NOUKAI_API_KEY: emulator.apiKey, ...env },
      stdio: ["ignore", "pipe", "inherit"]
    }
  )
  children.push(child)
  // Vite may say before that it prepares the packages again
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith("http")) return line
  throw new Error("the program ended")
}

/** A process of the server, with the built pages. */
const startServer = async (turns: string): Promise<string> => {
  const program = `
    import express from "express"
    import { api } from ${JSON.stringify(join(folder, "api.ts"))}
    api.use(express.static(${JSON.stringify(join(temporary, "pages"))}))
    const server = api.listen(0, "127.0.0.1", () => console.log("http://127.0.0.1:" + server.address().port))`
  return started({ TURNS: turns }, "--input-type=module", "--eval", program)
}

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "noukai-chat-"))
  await build({
    root: folder,
    logLevel: "error",
    build: {
      outDir: join(temporary, "pages"),
      rollupOptions: { input: pages.map((page) => fileURLToPath(page)) }
    }
  })
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
  })
}, 120_000)

beforeEach(async () => {
  emulator = await startEmulator({ file: fileURLToPath(flows) })
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
  await emulator.close()
})

afterAll(async () => {
  await browser?.close()
  await rm(temporary, { recursive: true, force: true })
})

/** Opens a page, and keeps its complaints. */
const openPage = async () => {
  const page = await browser.newPage()
  const complaints: Array<string> = []
  page.on("pageerror", ({ message }) => complaints.push(message))
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text())
  })
  return { page, complaints }
}

const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(axe.source)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import("axe-core") }
    const { violations } = await axe.run(document, { resultTypes: ["violations"] })
    return violations.map(({ help, id }) => `${id}: ${help}`)
  })
}

const send = async (page: Page, text: string) => {
  await page.getByRole("textbox", { name: "Message" }).fill(text)
  await page.getByRole("button", { name: "Send" }).click()
}

/** Reads the text of the answer until it has as many lengths. Each one continues the one before. */
const grown = async (page: Page, times: number): Promise<void> => {
  const texts: Array<string> = []
  await page.exposeFunction("grew", (text: string) => void (texts.at(-1) === text || texts.push(text)))
  await page.evaluate(() => {
    const look = () => {
      const found = [...document.querySelectorAll("p")].find(({ textContent }) => textContent?.startsWith("Thank you"))
      if (found) void (globalThis as unknown as { grew: (text: string) => void }).grew(found.textContent!)
    }
    look()
    new MutationObserver(look).observe(document.body, { childList: true, characterData: true, subtree: true })
  })
  await vi.waitUntil(() => texts.length >= times, { timeout: 30_000 })
  for (const [index, text] of texts.slice(1).entries()) assert.isTrue(text.startsWith(texts[index]!), texts.join(" | "))
}

for (const name of ["chat", "form"]) {
  describe(`the ${name}`, () => {
    it("asks the page, and shows growing text; a reload on another process shows the same run", async () => {
      const turns = join(temporary, `${name}.db`)
      const [first, second] = [await startServer(turns), await startServer(turns)]
      const { complaints, page } = await openPage()
      await page.goto(`${first}/${name}.html?id=order-17`)
      await page.getByRole("heading").waitFor()
      assert.deepStrictEqual(await violations(page), [])
      await send(page, "A17 never came")
      await page.getByText("Refund this order?").waitFor()
      assert.deepStrictEqual(await violations(page), [])

      // while it waits for the user
      await page.goto(`${second}/${name}.html?id=order-17`)
      await page.getByText("Refund this order?").waitFor()
      await page.getByRole("button", { name: "Yes" }).click()
      await grown(page, 3)

      // while it writes
      await page.goto(`${first}/${name}.html?id=order-17`)
      await page.getByText(answer).waitFor()
      assert.deepStrictEqual(await violations(page), [])
      await page.reload()
      await page.getByText(answer).waitFor()

      const { requests, runs, runsStarted } = emulator.ledger()
      assert.strictEqual(runsStarted, 1)
      assert.strictEqual(runs[0]!.status, "completed")
      assert.strictEqual(runs[0]!.billedUsd, "0.00121")
      assert.isFalse(requests.some(({ headers }) => headers["user-agent"]?.includes("Chrom")))
      assert.notInclude(await page.content(), emulator.apiKey)
      assert.deepStrictEqual(complaints, [])
      await page.close()
    }, 120_000)

    it("stops", async () => {
      const server = await startServer(join(temporary, `${name}-stop.db`))
      const { complaints, page } = await openPage()
      await page.goto(`${server}/${name}.html?id=order-18`)
      await send(page, "A18 never came")
      await page.getByRole("button", { name: "Yes" }).click()
      await grown(page, 2)
      await page.getByRole("button", { name: "Stop" }).click()
      await page.getByRole("button", { name: "Stop" }).waitFor({ state: "detached" })
      await vi.waitUntil(() => emulator.ledger().steps.at(-1)!.outcome === "interrupted", { timeout: 10_000 })
      assert.strictEqual(emulator.ledger().runsStarted, 1)
      assert.strictEqual(await page.getByText(answer).count(), 0)
      assert.deepStrictEqual(complaints, [])
      await page.close()
    }, 120_000)
  })
}

it("the server of the guide starts, and makes its pages", async () => {
  const port = await freePort()
  const line = await started({ PORT: String(port), TURNS: join(temporary, "guide.db") }, fileURLToPath(guide))
  assert.strictEqual(line, `http://127.0.0.1:${port}/chat.html`)
  const { complaints, page } = await openPage()
  await page.goto(line)
  await page.getByRole("heading", { name: "A chat on a flow" }).waitFor()
  await page.goto(line.replace("chat.html", "form.html"))
  await page.getByRole("heading", { name: "A form on a flow" }).waitFor()
  await send(page, "A19 never came")
  await page.getByText("Refund this order?").waitFor()
  assert.deepStrictEqual(complaints, [])
  await page.close()
}, 120_000)
