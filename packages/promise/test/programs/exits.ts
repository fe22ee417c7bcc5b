/** Leaves everything as it is, and ends by itself: calls that were aborted, loops that were left, a client not closed. */
import { Noukai } from "@effect-noukai/promise"

const noukai = new Noukai({ env: "dev", port: Number(process.env.EMULATOR_PORT) })

const main = async () => {
  await noukai.flow("noukai/samples/hello-world").execute({ message: "hi" })
  for await (const event of noukai.flow("noukai/samples/two-step").events({ message: "hi" })) {
    if (event.type === "step_completed") break
  }
  const controller = new AbortController()
  const slow = noukai.flow("noukai/tests/slow").execute({ message: "hi", signal: controller.signal })
  const loop = noukai.flow("noukai/tests/slow-second").events({ message: "hi", signal: controller.signal })
  const iterator = loop[Symbol.asyncIterator]()
  await iterator.next()
  controller.abort("enough")
  const reason = await slow.catch((error: unknown) => error)
  console.log(`ended with ${String(reason)}`)
}

void main()
