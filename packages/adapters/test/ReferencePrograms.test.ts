/** The programs with adapters of the README of `@noukai/sdk` run with other imports, each twice: captured and replayed. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import express from "express"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, beforeEach, it, vi } from "vitest"
import { listen, listenWeb } from "./support/listen.js"
import { listenOn } from "./support/referenceClient.js"
import type { RunningApp } from "./support/world.js"

let emulator: RunningEmulator

const readme = readFileSync(new URL("../../../node_modules/@noukai/sdk/README.md", import.meta.url), "utf8")

const folder = fileURLToPath(new URL("../build/reference", import.meta.url))

const load = async (framework: "express" | "nextjs"): Promise<{ readonly app: RunningApp; readonly POST: unknown }> => {
  const program = [...readme.matchAll(/^```typescript\n([^]*?)^```/gm)].map(([, text]) => text!)
    .find((text) => text.includes(`@noukai/sdk/adapters/${framework}`))
  assert.isDefined(program)
  const moved = program!.replaceAll("@noukai/sdk/adapters", "@effect-noukai/adapters")
    .replaceAll("\"@noukai/sdk\"", "\"../../test/support/referenceClient.js\"")
  mkdirSync(folder, { recursive: true })
  const file = `${folder}/${framework}.ts`
  writeFileSync(file, framework === "express" ? `${moved}\nexport { app };\n` : moved)
  return await import(/* @vite-ignore */ file)
}

beforeAll(async () => {
  emulator = await startEmulator({
    flows: [{
      ref: "acme/spelling/grade-3",
      steps: [{ kind: "template", id: "grade", output: { grade: "{{message}}" } }]
    }],
    organisations: { acme: { capture: "full" } }
  })
  listenOn(emulator.port)
})

beforeEach(async () => {
  await emulator.reset()
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
})

afterAll(async () => {
  vi.unstubAllEnvs()
  await emulator.close()
})

const works = async ({ close, url }: RunningApp) => {
  const grade = (text: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/grade`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ text })
    })
  const captured = await grade("good")
  const session = captured.headers.get("x-noukai-session")!
  const { out } = await captured.json()
  assert.deepStrictEqual(out, { grade: "good" })
  const replayed = await (await grade("bad", { "x-noukai-replay": session })).json()
  assert.deepStrictEqual(replayed.out, { grade: "good" })
  assert.deepStrictEqual(emulator.ledger().runs.map(({ sessionId }) => sessionId), [session])
  await close()
}

it("Express", async () => {
  const { app } = await load("express")
  // the README leaves out what reads the body
  const outer = express().use(express.json(), app as never)
  await works(await listen(outer, async () => {}))
})

it("Next.js", async () => {
  const { POST } = await load("nextjs")
  await works(await listenWeb(POST as (request: Request) => Promise<Response>, async () => {}))
})
