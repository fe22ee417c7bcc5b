/**
 * Flows and a tool with schemas whose asynchronous checks reject, as where a database is down. Prints the errors, and how
 * often each check ran.
 */
import {
  type AnySchema,
  defineTool,
  InvalidRequestError,
  Noukai,
  NoukaiError,
  UnexpectedResponseError
} from "@effect-noukai/promise"
import { type } from "arktype"
import * as v from "valibot"
import { z } from "zod"
import * as mini from "zod/mini"
import * as z3 from "zod/v3"

const noukai = new Noukai({ env: "dev", port: Number(process.env.EMULATOR_PORT) })

const runs: { [check: string]: number } = {}

const rejecting = (check: string) => async (): Promise<boolean> => {
  runs[check] = (runs[check] ?? 0) + 1
  await Promise.resolve()
  throw new Error("no database")
}

const counted = (check: string) => async (): Promise<boolean> => {
  runs[check] = (runs[check] ?? 0) + 1
  return true
}

type Check = (value: unknown) => Promise<boolean>

const libraries: { readonly [name: string]: (check: Check) => AnySchema } = {
  zod: (check) => z.any().refine(check),
  mini: (check) => mini.any().check(mini.refine(check)),
  zod3: (check) => z3.any().refine(check),
  valibot: (check) => v.pipeAsync(v.any(), v.checkAsync(check)),
  // a check of ArkType is synchronous
  arktype: (check) =>
    type("unknown").narrow(() => {
      void check(undefined).catch(() => {})
      throw new Error("no database")
    })
}

const errorOf = async (call: Promise<unknown>): Promise<string> => {
  const error = await call.then(() => undefined, (reason: unknown) => reason)
  if (!(error instanceof NoukaiError)) return `no error of ours: ${String(error)}`
  const kind = error instanceof InvalidRequestError || error instanceof UnexpectedResponseError ? error.name : "another"
  return `${kind} ${error.message.includes("its validation failed: no database")}`
}

const hello = "noukai/samples/hello-world"

const main = async () => {
  for (const [name, schemaOf] of Object.entries(libraries)) {
    const checks = (part: string) => schemaOf(rejecting(`${name} ${part}`))
    const parameters = noukai.flow(hello, { parameters: checks("parameters") })
    console.log(name, "parameters", await errorOf(parameters.execute({ parameters: {} })))
    const result = noukai.flow(hello, { result: checks("result") })
    console.log(name, "result", await errorOf(result.execute({ message: "hi" })))
    const tool = defineTool({
      name: "get_weather",
      parameters: checks("arguments"),
      jsonSchema: { type: "object" },
      run: () => "sunny"
    })
    const asked = noukai.flow("noukai/samples/tools-enabled").execute({ message: "hi", tools: [tool] })
    console.log(name, "arguments", (await asked).status)
    if (name === "arktype") continue
    const fine = noukai.flow(hello, { result: schemaOf(counted(`${name} fine`)) })
    console.log(name, "fine", (await fine.execute({ message: "hi" })).status)
  }
  console.log(JSON.stringify(runs))
}

void main()
