/** The messages in the guide are those of the packages. */
import { startEmulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/promise"
import { readFileSync } from "node:fs"
import { assert, expect, it, vi } from "vitest"

const guide = readFileSync(new URL("../../docs/guides/troubleshooting.md", import.meta.url), "utf8")

/** The texts that the first column of its tables has as code. */
const quoted = [...guide.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell]) =>
  [...cell!.matchAll(/`([^`]+)`/g)].map(([, text]) => text!)
)

const messageOf = async (call: () => unknown): Promise<string> => {
  try {
    await call()
  } catch (error) {
    return String(error)
  }
  return assert.fail("it did not fail")
}

it("quotes messages as they are", async () => {
  vi.stubEnv("NOUKAI_API_KEY", undefined)
  const emulator = await startEmulator()
  const open = new Noukai({ apiKey: "nk_test", env: "dev", port: emulator.port, maxRetries: 0 })
  const flow = open.flow("noukai/samples/hello-world")
  const options = { message: "Hello" }
  const messages = [
    await messageOf(() => new Noukai({ apiKey: "nk_test", env: "staging" as "dev" })),
    await messageOf(() => new Noukai({ apiKey: "sk-123" })),
    await messageOf(() => new Noukai()),
    await messageOf(() => open.flow("hello-world").execute(options)),
    await messageOf(() => flow.execute({ ...options, maxCostUSD: 1 } as typeof options)),
    await messageOf(() => flow.execute({ ...options, timeout: 0.1 })),
    await messageOf(() => open.flow("noukai/samples/tools-enabled").execute(options)),
    await messageOf(() => startEmulator({ port: emulator.port }))
  ]
  emulator.addFaults({ script: ["reset"] })
  messages.push(await messageOf(() => flow.execute(options)))
  const closed = new Noukai({ apiKey: "nk_test", env: "dev", port: emulator.port, maxRetries: 0 })
  await emulator.close()
  messages.push(await messageOf(() => flow.execute(options)))
  await closed.close()
  messages.push(await messageOf(() => closed.flow("noukai/samples/hello-world").execute(options)))
  await open.close()
  vi.unstubAllEnvs()

  // in the order of the guide
  for (
    const text of [
      "there is no key to use: no key was given and NOUKAI_API_KEY is not set",
      "the key does not begin with nk_",
      "invalid env: must be \"production\", \"dev\" or \"development\"",
      "invalid flow: org and project are missing",
      "is not an option: did you mean",
      "is taken by another process",
      "connect ECONNREFUSED",
      "nothing was sent",
      "the request may have arrived: a run may exist and may be billed",
      "timeout passed: after",
      "the client is closed",
      "the run is paused for tool calls; this call has no tools"
    ]
  ) {
    expect(quoted).toContain(text)
    assert.isTrue(messages.some((message) => message.includes(text)), `${text}: ${messages.join("\n")}`)
  }
})
