/** Numbers that JavaScript cannot hold, in a real browser: in the input, in outputs of steps and in calls of tools. */
import * as FlowFile from "@effect-noukai/emulator/FlowFile"
import { Either } from "effect"
import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import { startEmulatorStudio } from "./emulatorStudio.js"
import { disposable, launch, openPage, runPath } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const [given, written, called, answered] = [
  "1234567890123456789",
  "12345678901234567891",
  "9007199254740993",
  "98765432109876543210"
]

const flow = "acme/test/digits"

const file = `{"flows":[{"ref":"${flow}","steps":[
  {"kind":"template","id":"first","output":${written}},
  {"kind":"tool","id":"ask","rounds":[[{"id":"call_1","name":"find","arguments":{"id":${called}}}]],"output":"{{tools.find}}"},
  {"kind":"template","id":"last","output":{"id":"{{parameters.id}}","of":["{{steps.first.output}}"]}}
]}]}`

it("shows their digits in the input, in outputs and in calls of tools", async () => {
  const { flows } = Either.getOrThrow(FlowFile.decodeText(file))
  await using studio = disposable(
    await startEmulatorStudio({ emulator: { flows, organisations: { acme: { capture: "full" } } } })
  )
  const execute = async (body: string): Promise<string> => {
    const response = await fetch(`${studio.baseUrl}/seq/${flow}/execute`, {
      method: "POST",
      headers: { authorization: `Bearer ${studio.apiKey}`, "content-type": "application/json" },
      body
    })
    return response.text()
  }
  const tools = `[{"type":"function","function":{"name":"find","parameters":{"type":"object"}}}]`
  const paused = await execute(`{"parameters":{"id":${given}},"tools":${tools}}`)
  const { executionId: id }: { readonly executionId: string } = JSON.parse(paused)
  const asked = /"toolCallMessages":\[(.*)\],"toolCalls"/.exec(paused)![1]!
  const answer = `{"role":"tool","tool_call_id":"call_1","content":{"found":${answered}}}`
  const ended = await execute(
    `{"executionId":"${id}","pausedAtStep":"ask","iterationsUsed":1,"toolCallMessages":[${asked},${answer}]}`
  )
  assert.include(ended, `"result":{"id":${given},"of":[${written}]}`)

  await using opened = await openPage(browser, studio, runPath({ id, flow }, "?step=first"))
  const { page } = opened
  const shown = (region: string, text: string) =>
    page.getByRole("region", { name: region }).getByText(text).first().waitFor()
  await shown("Input of first", given)
  await shown("Output of first", written)
  await page.goto(studio.origin + runPath({ id, flow }, "?step=ask"))
  await shown("Input of ask", written)
  await shown("Output of ask", answered)
  await shown("Tool conversation", `find {"id":${called}}`)
  await page.goto(studio.origin + runPath({ id, flow }, "?step=last"))
  await shown("Output of last", given)
  await shown("Output of last", written)
  for (const number of [given, written, called, answered]) {
    assert.notInclude(await opened.received(), String(Number(number)))
  }
})
