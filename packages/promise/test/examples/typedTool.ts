import { defineTool, type Noukai } from "@effect-noukai/promise"
import { z } from "zod"

const weatherIn = async (city: string, signal: AbortSignal) => {
  signal.throwIfAborted()
  return `18 °C in ${city}`
}

const getWeather = defineTool({
  name: "get_weather",
  description: "The weather of a city",
  parameters: z.object({ city: z.string().describe("Its English name") }),
  run: ({ city }, { signal }) => weatherIn(city, signal)
})

export const ask = (noukai: Noukai) =>
  noukai.flow("noukai/samples/tools-enabled", { result: z.object({ text: z.string() }) }).execute({
    message: "What is the weather in Lisbon?",
    tools: [getWeather]
  })
