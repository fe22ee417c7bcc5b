/** The Promise client in a test of Jest that is an ES module: a call, and a cassette that is recorded and replayed. */
import { startEmulator } from "@effect-noukai/emulator/startEmulator"
import { Noukai } from "@effect-noukai/promise"
import { record } from "@effect-noukai/promise/testing"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/* global expect, test */

const ask = (noukai) => noukai.flow("noukai/samples/hello-world").execute({ message: "Hi" })

test("a call is recorded and replayed", async () => {
  const emulator = await startEmulator()
  const client = { env: "dev", port: emulator.port, apiKey: "nk_consumer" }
  const noukai = new Noukai(client)
  const { result } = await ask(noukai)
  await noukai.close()
  const path = join(mkdtempSync(join(tmpdir(), "noukai-jest-")), "hello.json")
  await record(path, ask, { client, mode: "all" })
  await emulator.close()
  const replay = async (noukai) => expect((await ask(noukai)).result).toEqual(result)
  await record(path, replay, { mode: "none" })
})
