/** The program of a page, in an environment without `process` and without modules of Node. */
import { createRelayFlow, currentSessionId, Noukai, traceScope } from "@effect-noukai/promise"

/** The values that the test hands in. */
interface Environment {
  readonly relay: string
  readonly port: number
  readonly apiKey: string
}

const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }]

const toolHandler = (calls: ReadonlyArray<{ readonly id: string }>) =>
  calls.map(({ id }) => ({ tool_call_id: id, content: "sunny" }))

const relayed = async ({ relay }: Environment) => {
  const flow = createRelayFlow({ url: relay })
  const result = await flow.execute({ message: "hi", tools, toolHandler })
  const aborted = await flow.execute({ message: "hi", signal: AbortSignal.abort("left") }).catch((error) => error)
  return { result, aborted }
}

const withKey = async ({ apiKey, port }: Environment) => {
  const noukai = new Noukai({ apiKey, env: "dev", port })
  const types: Array<string> = []
  for await (const event of noukai.flow("noukai/samples/two-step").events({ message: "hi" })) types.push(event.type)
  const scoped = await traceScope(async () => {
    const call = noukai.flow("noukai/samples/hello-world").execute({ message: "hi" })
    return [currentSessionId(), (await call).sessionId]
  })
  const missing = await noukai.flow("noukai/samples/nothing").execute().catch((error) => error)
  await noukai.close()
  return { types, scoped, missing: [missing.name, missing.statusCode] }
}

const noKey = () => {
  try {
    return new Noukai()
  } catch (error) {
    return (error as Error).name
  }
}

export const main = async (environment: Environment): Promise<unknown> => ({
  relayed: await relayed(environment),
  withKey: await withKey(environment),
  noKey: noKey()
})
