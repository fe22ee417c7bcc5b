/** Numbers that JavaScript cannot hold, as outputs of steps: the digits that came are the digits that are sent. */
import { startEmulator } from "@effect-noukai/emulator"
import * as FlowFile from "@effect-noukai/emulator/FlowFile"
import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"

const big = "1234567890123456789"
const other = "9007199254740993"

const session = "00000000-0000-4000-8000-000000000001"

const template = (id: string, output: string, more = "") => `{"kind":"template","id":"${id}","output":${output}${more}}`

const loop = (over: string, ...steps: ReadonlyArray<string>) =>
  `{"kind":"loop","id":"each","over":${over},"steps":[${steps.join(",")}]}`

/** The steps of flows, and the result of each as it is written. */
const flows: ReadonlyArray<readonly [name: string, steps: ReadonlyArray<string>, result: string]> = [
  ["written", [template("a", big)], big],
  ["a parameter", [template("a", `"{{parameters.id}}"`)], big],
  ["a parameter in a list", [template("a", `"{{parameters.of.0.id}}"`)], big],
  ["the input", [template("a", big), template("b", `"{{input}}"`)], big],
  ["an earlier step", [template("a", big), template("b", "7"), template("c", `"{{steps.a.output}}"`)], big],
  [
    "inside a list",
    [template("a", big), template("b", `{"of":["{{steps.a.output}}",{"is":"{{input}}","also":${other}}]}`)],
    `{"of":[${big},{"is":${big},"also":${other}}]}`
  ],
  [
    "inside a text",
    [template("a", big), template("b", `"it is {{steps.a.output}}, {{input}}, {{parameters.id}}"`)],
    `"it is ${big}, ${big}, ${big}"`
  ],
  ["a case", [template("a", `{"$match":"{{message}}","cases":{"hi":${big}}}`)], big],
  [
    "a case by a number",
    [template("a", big), template("b", `{"$match":"{{input}}","cases":{"${big}":"it"},"default":"another"}`)],
    `"it"`
  ],
  ["a default", [template("a", `{"$match":"{{message}}","cases":{},"default":${big}}`)], big],
  [
    "rounds of a loop",
    [loop(`["{{parameters.id}}",${other}]`, template("b", `"{{loop.item}}"`), template("c", `"{{steps.b.output}}"`))],
    `[${big},${other}]`
  ],
  [
    "the input of a round",
    [template("a", `[${big},7]`), loop(`"{{input}}"`, template("b", `"{{input}}"`))],
    `[${big},7]`
  ]
]

const slugOf = (name: string) => name.replaceAll(" ", "-")

const emulate = (extra: ReadonlyArray<string> = [], streamOutputs: "hosted" | "documented" = "hosted") =>
  startEmulator({
    flows: Either.getOrThrow(
      FlowFile.decodeText(
        `{"flows":[${
          [
            ...flows.map(([name, steps]) => `{"ref":"acme/test/${slugOf(name)}","steps":[${steps.join(",")}]}`),
            ...extra
          ].join(",")
        }]}`
      )
    ).flows,
    organisations: { acme: { capture: "full" } },
    sessions: { lag: 0 },
    streamOutputs
  })

type Emulator = Awaited<ReturnType<typeof emulate>>

const ask = (emulator: Emulator) => async (path: string, body?: string): Promise<string> => {
  const response = await fetch(new URL(path, `${emulator.baseUrl}/`), {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${emulator.apiKey}`,
      "content-type": "application/json",
      "x-session-id": session
    },
    ...(body === undefined ? {} : { body })
  })
  return response.text()
}

const idIn = (text: string): string => /"executionId":"([^"]+)"/.exec(text)![1]!

const input = `"message":"hi","parameters":{"id":${big},"of":[{"id":${big}}]}`

describe("numbers that JavaScript cannot hold", () => {
  for (const [name, , result] of flows) {
    it.concurrent(`are results: ${name}`, async () => {
      const emulator = await emulate()
      const send = ask(emulator)
      const flow = `seq/acme/test/${slugOf(name)}`

      const executed = await send(`${flow}/execute`, `{${input}}`)
      assert.include(executed, `"result":${result},`)

      const submitted = await send(`${flow}/jobs`, `{${input}}`)
      let job = ""
      while (!job.includes("completed")) job = await send(`${flow}/jobs/${idIn(submitted)}`)
      assert.include(job, `"result":${result}}`)

      const stepped = await send(`${flow}/step`, `{${input},"runRemaining":true}`)
      assert.include(stepped, `"outputContext":${result}}`)
      assert.include(await send(`${flow}/runs/${idIn(stepped)}/trace/stream`), `"outputContext":${result}}`)

      const trace = await send(`${flow}/runs/${idIn(executed)}/trace`)
      assert.include(trace, `"outputContext":${result.startsWith("{") ? result : `{"output":${result}}`}`)
      assert.include(await send(`seq/sessions/${session}`), `"outputSnapshot":${result},`)
      await emulator.close()
    })
  }

  it.concurrent("are the inputs of steps, in events and traces", async () => {
    const emulator = await emulate()
    const send = ask(emulator)
    const stepped = await send("seq/acme/test/the-input/step", `{${input},"runRemaining":true,"trace":true}`)
    assert.include(stepped, `"inputContext":{"input":${big}}`)
    assert.include(await send(`seq/acme/test/the-input/runs/${idIn(stepped)}/trace`), `"inputContext":{"input":${big}}`)
    await emulator.close()
  })

  for (const streamOutputs of ["hosted", "documented"] as const) {
    it.concurrent(`are the outputs that requests of later steps give, or replace: ${streamOutputs}`, async () => {
      const emulator = await emulate([], streamOutputs)
      const send = ask(emulator)
      const flow = "seq/acme/test/an-earlier-step"
      const key = streamOutputs === "hosted" ? "outputContext" : "output"
      const first = await send(`${flow}/step`, `{${input}}`)
      assert.include(first, `"${key}":${big}`)
      const of = `"executionId":"${idIn(first)}"`
      const later = (outputs: string, more = "") =>
        send(`${flow}/step`, `{${of},"stepIndex":2,"accumulatedOutputs":${outputs}${more}}`)
      assert.include(await later(`{"a":${other},"b":7}`), `"${key}":${other}`)
      assert.include(await later(`{"a":9007199254740992,"b":7}`), `"${key}":9007199254740992`)
      assert.include(await later(`{"a":1,"b":7}`, `,"inputOverrides":{"a":${big}}`), `"${key}":${big}`)
      assert.include(
        await later(`{"a":1,"b":7}`, `,"blockOverrides":{"c":{"output":{"in":[${big}]}}}`),
        `"${key}":{"in":[${big}]}`
      )
      assert.include(await later(`{"a":1,"b":7}`, `,"blockOverrides":{"c":{"output":${big}}}`), `"${key}":${big}`)
      await emulator.close()
    })
  }

  it.concurrent("are kept by the server between the requests of a walk", async () => {
    const emulator = await emulate()
    const send = ask(emulator)
    const flow = "seq/acme/test/an-earlier-step"
    const id = idIn(await send(`${flow}/step`, `{${input}}`))
    await send(`${flow}/step`, `{"executionId":"${id}","stepIndex":1}`)
    assert.include(await send(`${flow}/step`, `{"executionId":"${id}","stepIndex":2}`), `"outputContext":${big}`)
    await emulator.close()
  })

  it.concurrent("are in calls of tools, in their results and in the outputs of a pause", async () => {
    const ask1 = `{"kind":"tool","id":"t","rounds":[[{"name":"find","arguments":{"id":"{{input}}","more":${other}}}]],`
    const emulator = await emulate([
      `{"ref":"acme/test/tools","steps":[${template("a", big)},${ask1}"output":"{{tools.find}}"}]}`,
      `{"ref":"acme/test/list","steps":[${template("a", big)},${ask1}"output":{"of":"{{results.0}}"}}]}`
    ])
    const send = ask(emulator)
    const tools = `"tools":[{"type":"function","function":{"name":"find","parameters":{"type":"object"}}}]`
    for (const [flow, result] of [["tools", other], ["list", `{"of":${other}}`]] as const) {
      const paused = await send(`seq/acme/test/${flow}/execute`, `{${input},${tools}}`)
      assert.include(paused, `"arguments":"{\\"id\\":${big},\\"more\\":${other}}"`)
      assert.include(paused, `"accumulatedOutputs":{"a":${big}}`)
      const messages = /"toolCallMessages":(\[.*\]),"toolCalls"/.exec(paused)![1]!
      for (const content of [`"${other}"`, other]) {
        const again = await send(`seq/acme/test/${flow}/execute`, `{${input},${tools}}`)
        const answered = messages.replace(/\]$/, `,{"role":"tool","tool_call_id":"tc_t_1_1","content":${content}}]`)
        assert.include(
          await send(
            `seq/acme/test/${flow}/execute`,
            `{"executionId":"${idIn(again)}","pausedAtStep":"t","iterationsUsed":1,"toolCallMessages":${answered}}`
          ),
          `"result":${result},`
        )
      }
    }
    await emulator.close()
  })

  it.concurrent("are an edit of a flow where another digit is all that changed", async () => {
    const emulator = await emulate()
    const send = ask(emulator)
    await send("seq/acme/test/written/execute", `{${input}}`)
    const put = await send(
      "/_emulator/flows",
      `{"flows":[{"ref":"acme/test/written","steps":[${template("a", "1234567890123456788")}]}]}`
    )
    assert.strictEqual(put, `{"ok":true}`)
    assert.include(await send("seq/acme/test/written/execute", `{${input}}`), `"result":1234567890123456788,`)
    await emulator.close()
  })

  it.concurrent("are partial outputs, and outputs in the recorded form without their prompt", async () => {
    const emulator = await emulate([
      `{"ref":"acme/test/partial","steps":[${
        template(
          "a",
          `{"id":"{{parameters.id}}"}`,
          `,"partials":["{{parameters.id}}",${other}],"prompt":"of {{parameters.id}}"`
        )
      }]}`
    ])
    const send = ask(emulator)
    const stepped = await send("seq/acme/test/partial/step", `{${input}}`)
    assert.include(stepped, `"outputContext":${big}}`)
    assert.include(stepped, `"outputContext":${other}}`)
    assert.include(
      await send(`seq/sessions/${session}`),
      `"outputSnapshot":{"id":${big},"__rendered_prompt__":"of ${big}"}`
    )
    await emulator.close()
  })
})
