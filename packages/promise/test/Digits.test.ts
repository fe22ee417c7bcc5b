/** Numbers that JavaScript cannot hold, in runs of the client: the bodies of its requests have the digits that came. */
import { startEmulator } from "@effect-noukai/emulator"
import * as FlowFile from "@effect-noukai/emulator/FlowFile"
import { createRelayFlow, Noukai } from "@effect-noukai/promise"
import { Either } from "effect"
import { assert, it } from "vitest"
import { startRelay } from "./support/relay.js"
import { collect } from "./support/world.js"

const [written, called] = ["1234567890123456789", "9007199254740993"]

const file = `{"flows":[{"ref":"acme/test/digits","steps":[
  {"kind":"template","id":"first","output":${written}},
  {"kind":"tool","id":"ask","rounds":[[{"id":"c1","name":"find","arguments":{"id":${called}}}]],"assistantExtra":{"at":${written}},"output":"{{tools.find}}"},
  {"kind":"template","id":"last","output":["{{steps.first.output}}","{{steps.ask.output}}"]}
]}]}`

const tools = [{ type: "function", function: { name: "find", parameters: { type: "object" } } }]

it("calls of tools and outputs keep their digits, executed, streamed and through a relay", async () => {
  const emulator = await startEmulator({ flows: Either.getOrThrow(FlowFile.decodeText(file)).flows })
  const bodies: Array<string> = []
  const answers: Array<string> = []
  const noted: typeof fetch = async (input, init) => {
    bodies.push(String(init?.body))
    const response = await fetch(input, init)
    const text = await response.text()
    answers.push(text)
    return new Response(text, response)
  }
  const options = {
    message: "hi",
    tools,
    toolHandler: (calls: ReadonlyArray<{ readonly id: string; readonly function: { readonly arguments: string } }>) =>
      calls.map(({ function: { arguments: content }, id }) => ({ role: "tool", tool_call_id: id, content }))
  }
  const client = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port, fetch: noted })
  const relay = await startRelay(emulator, "acme/test/digits")
  const flow = client.flow("acme/test/digits")
  for (
    const run of [
      () => flow.execute(options),
      () => collect(flow.steps(options)),
      () => createRelayFlow({ url: relay.url, fetch: noted }).execute(options)
    ]
  ) {
    bodies.length = answers.length = 0
    await run()
    const resumed = bodies.find((body) => body.includes("\"role\":\"tool\""))!
    assert.include(resumed, `"arguments":"{\\"id\\":${called}}"`)
    assert.include(resumed, `"at":${written}`)
    assert.include(resumed, `"content":"{\\"id\\":${called}}"`)
    assert.include(answers.at(-1)!, `[${written},{"id":${called}}]`)
  }
  await client.close()
  await relay.close()
  await emulator.close()
})
