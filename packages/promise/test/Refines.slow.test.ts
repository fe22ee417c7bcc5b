/** Schemas with asynchronous checks, in a process of its own: a promise that nobody awaits ends it. */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "vitest"
import { z } from "zod"
import { UnexpectedResponseError } from "../src/index.js"
import { ownEmulator } from "./support/ownEmulator.js"
import { hello, rejection, resultOf } from "./support/world.js"

const { client, emulator } = ownEmulator()

const ofSource = process.env.TEST_DIST === undefined

describe("an asynchronous check of a schema", () => {
  it("that rejects leaves the process alive, and runs once", async () => {
    const { apiKey, port } = emulator()
    const { stderr, stdout } = await promisify(execFile)(
      process.execPath,
      [
        ...ofSource ? ["--conditions=@effect-noukai/source"] : [],
        "--import",
        "tsx",
        fileURLToPath(new URL("programs/refines.ts", import.meta.url))
      ],
      { env: { ...process.env, NOUKAI_API_KEY: apiKey, EMULATOR_PORT: String(port) } }
    )
    const lines = stdout.trim().split("\n")
    const runs = JSON.parse(lines.pop()!) as { readonly [check: string]: number }
    const ofLibrary = (name: string) => [
      `${name} parameters InvalidRequestError true`,
      `${name} result UnexpectedResponseError true`,
      `${name} arguments completed`
    ]
    assert.deepStrictEqual(
      lines,
      ["zod", "mini", "zod3", "valibot", "arktype"].flatMap((name) =>
        name === "arktype" ? ofLibrary(name) : [...ofLibrary(name), `${name} fine completed`]
      )
    )
    for (const [check, count] of Object.entries(runs)) assert.strictEqual(count, 1, check)
    assert.lengthOf(Object.keys(runs), 19)
    assert.strictEqual(stderr, "")
  })

  it("that changes its input changes nothing of an error", async () => {
    const changing = (value: unknown) => Object.assign(Object(value), { text: "changed", nested: 1 })
    for (const check of [() => false, async () => false]) {
      const result = z.preprocess(changing, z.looseObject({ text: z.string() }).refine(check))
      const error = await rejection(client().flow(hello, { result }).execute({ message: "hi" }))
      assert.instanceOf(error, UnexpectedResponseError)
      const plain = await client().flow(hello).execute({ message: "hi" })
      assert.deepStrictEqual((error as UnexpectedResponseError).result, resultOf(plain))
    }
  })
})
