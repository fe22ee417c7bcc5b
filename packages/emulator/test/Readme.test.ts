import { EmulatorError, startEmulator } from "@effect-noukai/emulator"
import { parse } from "@effect-noukai/emulator/Fault"
import { decodeText } from "@effect-noukai/emulator/FlowFile"
import { Either } from "effect"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it, vi } from "vitest"
import { triage } from "./examples/flows.js"
import setup from "./examples/globalSetup.js"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

describe("README", () => {
  it("its flows files are valid", () => {
    const files = [...readme.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, text]) => text!)
    assert.isNotEmpty(files)
    for (const file of files) {
      const decoded = decodeText(file, "README.md")
      assert.isTrue(Either.isRight(decoded), Either.isLeft(decoded) ? decoded.left.message : "")
    }
  })

  it("every fault of its table is one", () => {
    const table = readme.slice(readme.indexOf("| fault |"), readme.indexOf("Combine faults"))
    const faults = [...table.matchAll(/`([^`]+)`/g)].map(([, text]) => text!.replaceAll(/<n>|<ms>/g, "5"))
      .filter((text) => text !== "/jobs")
    assert.isAbove(faults.length, 30)
    for (const fault of faults) assert.isTrue(Either.isRight(parse(fault)), fault)
  })

  const say = async (origin: string, key: string, body: object) => {
    const response = await fetch(`${origin}/api/v1/seq/acme/support/triage/execute`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify(body)
    })
    return { status: response.status, body: await response.json() as { readonly result?: unknown } }
  }

  it("its flow in code runs", async () => {
    const emulator = await startEmulator({ flows: [triage] })
    const { body } = await say(emulator.url, emulator.apiKey, { message: "Where is my parcel?" })
    assert.deepStrictEqual(body.result, { text: "This is about your order." })
    assert.strictEqual((await say(emulator.url, emulator.apiKey, {})).status, 400)
    await emulator.close()
  })

  it("its global set-up serves the flows file at the port that dev means, unless that is taken", async () => {
    const folder = mkdtempSync(join(tmpdir(), "noukai-"))
    const cwd = process.cwd()
    vi.stubEnv("NOUKAI_ENV", undefined)
    vi.stubEnv("NOUKAI_API_KEY", undefined)
    mkdirSync(join(folder, "test"))
    writeFileSync(join(folder, "test", "flows.json"), /^```json\n([\s\S]*?)^```$/m.exec(readme)![1]!)
    process.chdir(folder)
    try {
      const close = await setup().catch((error: unknown) => error)
      if (close instanceof EmulatorError) {
        assert.strictEqual(
          close.message,
          "Port 8080 of 127.0.0.1 is taken by another process. Choose another one: `port`, or --port."
        )
        return
      }
      assert.strictEqual(process.env.NOUKAI_ENV, "dev")
      const { body, status } = await say("http://127.0.0.1:8080", process.env.NOUKAI_API_KEY!, { message: "hi" })
      assert.strictEqual(status, 200, JSON.stringify(body))
      await (close as () => Promise<void>)()
    } finally {
      process.chdir(cwd)
      vi.unstubAllEnvs()
      rmSync(folder, { recursive: true })
    }
  })
})
