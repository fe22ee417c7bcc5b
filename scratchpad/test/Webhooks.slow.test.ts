/** The programs of the guide about webhooks, against an emulator that delivers. */
import { type Deliveries, deliveries } from "@effect-noukai/adapters/Webhooks"
import { startEmulator } from "@effect-noukai/emulator"
import { nudges } from "@effect-noukai/sdk/Webhook"
import { spawn } from "node:child_process"
import { createHmac } from "node:crypto"
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterEach, assert, it, onTestFinished, vi } from "vitest"

const secret = "whsec_guide"

afterEach(() => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
})

const listening = async (server: Server): Promise<number> => {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}

/** An emulator that delivers to the port, and the requests of polls that it got. */
const delivering = async (port: number) => {
  const emulator = await startEmulator({ webhooks: { secret, allow: [`http://127.0.0.1:${port}`] } })
  onTestFinished(() => emulator.close())
  const polls = () => emulator.ledger().requests.filter(({ endpoint }) => endpoint === "pollJob").length
  return { emulator, polls, url: `http://127.0.0.1:${port}/hooks/noukai` }
}

const freePort = async (): Promise<number> => {
  const free = createServer()
  const port = await listening(free)
  await new Promise((resolve) => free.close(resolve))
  return port
}

/** Runs a program with the variables of an emulator, and returns the lines that it writes; the first one is awaited. */
const started = async (
  world: Awaited<ReturnType<typeof delivering>>,
  port: number,
  ...program: ReadonlyArray<string>
) => {
  // it finds the emulator at 8080, the port of NOUKAI_ENV=dev
  const redirect = `import net from "node:net"
    const { connect } = net
    net.connect = ({ port, ...options }, ...more) =>
      connect({ ...options, port: String(port) === "8080" ? ${world.emulator.port} : port }, ...more)`
  const child = spawn(process.execPath, [
    "--conditions=@effect-noukai/source",
    "--import",
    "tsx",
    "--import",
    `data:text/javascript,${encodeURIComponent(redirect)}`,
    ...program
  ], {
    env: {
      ...process.env,
      NOUKAI_ENV: "dev",
      NOUKAI_API_KEY: world.emulator.apiKey,
      NOUKAI_WEBHOOK_SECRET: secret,
      WEBHOOK_URL: world.url,
      PORT: String(port)
    },
    stdio: ["ignore", "pipe", "inherit"]
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  const lines: Array<string> = []
  const output = createInterface({ input: child.stdout })
  output.on("line", (line) => lines.push(line))
  await once(output, "line")
  return lines
}

it("the program with Effect polls its job once", async () => {
  const port = await freePort()
  const world = await delivering(port)
  const lines = await started(world, port, fileURLToPath(new URL("../webhooks/server.ts", import.meta.url)))
  const response = await fetch(`http://127.0.0.1:${port}/`)
  assert.deepStrictEqual(await response.json(), { text: "About your order: The cat sat." })
  assert.strictEqual(world.polls(), 1)
  await vi.waitUntil(() => lines.some((line) => line.includes("flow.completed")), 30_000)
  assert.notInclude(lines.join("\n"), secret)
})

it("the program with Promises polls its job once", async () => {
  const port = await freePort()
  const world = await delivering(port)
  const listen = `import { app } from ${
    JSON.stringify(fileURLToPath(new URL("../webhooks/express.ts", import.meta.url)))
  }
    app.listen(${port}, "127.0.0.1", () => console.log("listens"))`
  await started(world, port, "--input-type=module", "--eval", listen)
  const response = await fetch(`http://127.0.0.1:${port}/`)
  assert.nestedPropertyVal(await response.json(), "result.text", "About your order: The cat sat.")
  assert.strictEqual(world.polls(), 1)
})

it("the route claims each delivery in the store of the program", async () => {
  const added: Array<unknown> = []
  const claims: Array<string> = []
  const store = deliveries()
  const claim: Deliveries["claim"] = (id) => {
    claims.push(id)
    return store.claim(id)
  }
  vi.stubEnv("NOUKAI_WEBHOOK_SECRET", secret)
  vi.stubGlobal("deliveries", { ...store, claim })
  vi.stubGlobal("queue", { add: async (job: unknown) => void added.push(job) })
  const { POST } = await import("../webhooks/route.js")
  const body = "{\"executionId\":\"ex_1\"}"
  const t = String(Math.floor(Date.now() / 1000))
  const headers = {
    "x-noukai-delivery": "7d3c",
    "x-noukai-signature": `t=${t},v1=${createHmac("sha256", secret).update(`${t}.${body}`).digest("hex")}`
  }
  for (let n = 0; n < 2; n++) {
    const response = await POST(new Request("https://me.example/hooks", { method: "POST", headers, body }))
    assert.strictEqual(response.status, 200)
  }
  assert.deepStrictEqual(added, [{ executionId: "ex_1" }])
  assert.deepStrictEqual(claims, ["7d3c", "7d3c"])
})

it("a bus carries webhooks to another process", async () => {
  const local = nudges()
  vi.stubGlobal("bus", {
    publish: async (job: string) => local.onEvent({ job }),
    next: (job: string, signal: AbortSignal) => local.wait(job, signal)
  })
  const { inbox } = await import("../webhooks/shared.js")
  const woken = inbox.wait("a", new AbortController().signal)
  await inbox.onEvent({})
  await inbox.onEvent({ job: "a" })
  await woken
})
