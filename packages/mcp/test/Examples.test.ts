import { assert, it } from "@effect/vitest"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { flowTools } from "./examples/serving.js"
import { agentOf, generations, ownWorld, textOf } from "./support/world.js"

const world = ownWorld()

it.each(generations)("flows behind a login of your own, for a client of %s", async (generation) => {
  const { close, fetch } = flowTools(world.noukai(), (request) => request.headers.get("x-user") ?? undefined)
  world.onEnd(close)
  assert.strictEqual((await fetch(new Request("http://127.0.0.1/mcp"))).status, 401)
  const agent = agentOf(generation)
  await agent.connect(
    new StreamableHTTPClientTransport(new URL("http://127.0.0.1/mcp"), {
      fetch: (input, init) => fetch(new Request(input, init)),
      requestInit: { headers: { "x-user": "ada" } }
    })
  )
  world.onEnd(() => agent.close())
  const result = await agent.callTool({ name: "grade", arguments: { message: "The cat sat.", difficulty: "hard" } })
  assert.match(textOf(result), /score/)
})
