/** The requests of a bundle: answered ones, and one that nobody takes. */
import { createRelayFlow, Noukai as PromiseNoukai, type NoukaiError } from "@effect-noukai/promise"
import { FlowService, Noukai } from "@effect-noukai/sdk"
import { Effect, Redacted } from "effect"

const { EMULATOR_PORT, FREE_PORT, NOUKAI_API_KEY = "" } = process.env

const flow = "noukai/samples/hello-world"

/** The dispatchers that undici keeps for everybody. */
const globals = () => [1, 2].map((version) => Reflect.get(globalThis, Symbol.for(`undici.globalDispatcher.${version}`)))

const rejection = (run: Promise<unknown>) => run.then(() => "resolved", ({ sent }: { sent?: string }) => sent)

const byEffect = (port: string | undefined) => {
  const layer = Noukai.layer({
    apiKey: Redacted.make(NOUKAI_API_KEY),
    baseUrl: `http://127.0.0.1:${port}/api/v1`
  })
  return Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: "hi" })).pipe(Effect.provide(layer))
}

const byPromise = async (port: string | undefined) => {
  const noukai = new PromiseNoukai({ env: "dev", port: Number(port) })
  try {
    const run = await noukai.flow(flow).execute({ message: "hi" })
    return run.status === "completed" ? run.result : run.status
  } finally {
    await noukai.close()
  }
}

const main = async () => {
  await fetch(`http://127.0.0.1:${EMULATOR_PORT}`) // Node's own undici sets one
  const before = globals()
  const results = [(await Effect.runPromise(byEffect(EMULATOR_PORT))).result, await byPromise(EMULATOR_PORT)]
  const sent = [
    await rejection(Effect.runPromise(Effect.flip(byEffect(FREE_PORT))).then((error) => Promise.reject(error))),
    await rejection(byPromise(FREE_PORT)),
    await createRelayFlow({ url: `http://127.0.0.1:${FREE_PORT}/run` }).execute({ message: "hi" })
      .then(() => "resolved", (error: NoukaiError) => "sent" in error ? error.sent : error)
  ]
  console.log(JSON.stringify({ results, sent, newGlobals: globals().filter((one, at) => one !== before[at]).length }))
}

void main()
