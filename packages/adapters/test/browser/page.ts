/** A page that asks a flow through a relay, and looks up what the flow wants to know in the page itself. */
import { createRelayFlow } from "@effect-noukai/promise"

const flow = createRelayFlow({ url: "/agent/execute" })

/** Known to this page alone. */
const orders: { readonly [id: string]: string } = { A17: "shipped on Monday" }

const tools = [{
  type: "function",
  function: { name: "find_order", parameters: { type: "object", properties: { id: { type: "string" } } } }
}]

const output = document.querySelector("output")!
const calls = document.querySelector("ol")!

document.querySelector("form")!.addEventListener("submit", async (event) => {
  event.preventDefault()
  const question = new FormData(event.target as HTMLFormElement).get("question")
  try {
    const done = await flow.execute({
      message: String(question),
      tools,
      toolHandler: (requested) =>
        requested.map((call) => {
          const { id } = JSON.parse(call.function.arguments) as { readonly id: string }
          calls.append(Object.assign(document.createElement("li"), { textContent: `${call.function.name} ${id}` }))
          return { tool_call_id: call.id, content: orders[id] ?? "unknown" }
        })
    })
    output.textContent = JSON.stringify(done.status === "completed" ? done.result : done.status)
  } catch (error) {
    output.textContent = `${(error as Error).name}: ${(error as { readonly code?: string }).code}`
  }
})
