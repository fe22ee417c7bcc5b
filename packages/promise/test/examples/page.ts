import { createFlow } from "@effect-noukai/promise/page"
import { z } from "zod"

/** In the browser. `url` is the address of `flowPage`, such as "/api/triage". `ask` shows a question to the user. */
export const triage = async (url: string, show: (text: string) => void, ask: (question: string) => boolean) => {
  const flow = createFlow({
    url,
    id: "order-17",
    result: z.object({ label: z.string() }),
    tools: {
      confirm: { parameters: z.object({ question: z.string() }), answer: ({ question }) => ask(question) }
    }
  })
  const leave = flow.subscribe(() => show(flow.state().text))
  const { error, result } = await flow.run("Where is it?")
  leave()
  if (error !== undefined) throw error
  return result?.label
}
