/** The program of the guide about deploying, as a process that gets a signal. */
import { startEmulator } from "@effect-noukai/emulator"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, expect, it, onTestFinished } from "vitest"

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0)
  await once(server, "listening")
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, "close")
  return port
}

it("answers the request in flight after SIGTERM, and ends", async () => {
  const emulator = await startEmulator()
  const port = await freePort()
  const program = fileURLToPath(new URL("./examples/start.ts", import.meta.url))
  // the program finds the emulator at 8080, the port of NOUKAI_ENV=dev
  const redirect = `import net from "node:net"
    const { connect } = net
    net.connect = ({ port, ...options }, ...more) =>
      connect({ ...options, port: String(port) === "8080" ? ${emulator.port} : port }, ...more)`
  const preload = `data:text/javascript,${encodeURIComponent(redirect)}`
  const child = spawn(process.execPath, [
    "--conditions=@effect-noukai/source",
    "--import",
    "tsx",
    "--import",
    preload,
    program
  ], {
    env: {
      ...process.env,
      PORT: String(port),
      NOUKAI_ENV: "dev",
      NOUKAI_API_KEY: "nk_test"
    },
    stdio: ["ignore", "pipe", "inherit"]
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  const ended = once(child, "exit")
  await once(createInterface({ input: child.stdout }), "line")

  emulator.addFaults({ script: ["delay:500"] })
  const answer = fetch(`http://127.0.0.1:${port}/ask`, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ question: "why?" })
  })
  await expect.poll(() => emulator.ledger().runs.length).toBe(1)
  child.kill("SIGTERM")
  assert.deepStrictEqual(await (await answer).json(), { text: "About your order: why?" })
  assert.deepStrictEqual(await ended, [0, null])
  assert.lengthOf(emulator.ledger().runs, 1)
  await emulator.close()
})
