/** Options of a page that are wrong are refused when its handler is made. */
import { flowPage as express } from "@effect-noukai/adapters/express"
import { flowPage as nextjs } from "@effect-noukai/adapters/nextjs"
import * as Platform from "@effect-noukai/adapters/platform"
import { flowPage as web } from "@effect-noukai/adapters/web"
import { defineTool, Noukai } from "@effect-noukai/promise"
import { Noukai as Sdk, Tools } from "@effect-noukai/sdk"
import { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import { Effect, Schema } from "effect"
import { assert, describe, it } from "vitest"
import { z } from "zod"

const client = new Noukai({
  apiKey: "nk_test_unused",
  fetch: () => assert.fail("a request was sent"),
  env: "dev",
  port: 9
})

const good = { client, flow: "acme/support/chat", authorize: () => true, owner: () => "all" }

const parameters = Schema.Struct({ text: Schema.String })

const tool = defineTool({ name: "confirm", parameters, run: () => null })

/** The field that a refusal names. */
const fieldOf = (make: () => unknown): string | undefined => {
  try {
    make()
  } catch (error) {
    return (error as { field?: string }).field ?? String(error)
  }
  return "taken"
}

const wrong: ReadonlyArray<readonly [more: object, field: string]> = [
  [{ flow: "chat" }, "flow"],
  [{ flow: undefined }, "flow"],
  [{ authorize: undefined }, "authorize"],
  [{ authorize: "anna" }, "authorize"],
  [{ owner: undefined }, "owner"],
  [{ input: "text" }, "input"],
  [{ version: "draft" }, "version"],
  [{ version: 1.5 }, "version"],
  [{ version: 0 }, "version"],
  [{ steps: "all" }, "steps"],
  [{ onDisconnect: "go" }, "onDisconnect"],
  [{ resume: true }, "resume"],
  [{ turns: { latest: () => undefined } }, "turns.claim"],
  [{ turns: "redis" }, "turns"],
  ...[NaN, 0, -1, "NaN", "", "1e3x", Infinity, {}].map((maxCostUsd) => [{ maxCostUsd }, "maxCostUsd"] as const),
  ...["timeout", "bodyTimeout", "authorizeTimeout", "heartbeat"].flatMap((name) =>
    [NaN, -1, "soon", "-1 seconds"].map((value) => [{ [name]: value }, name] as const)
  ),
  [{ heartbeat: 0 }, "heartbeat"],
  ...["maxBodyBytes", "maxToolRounds"].flatMap((name) =>
    [NaN, -1, 1.5, "1"].map((value) => [{ [name]: value }, name] as const)
  )
]

const wrongTools: ReadonlyArray<readonly [more: object, field: string]> = [
  [{ clientTools: [] }, "clientTools"],
  [{ clientTools: { confirm: { parameters, result: "yes" } } }, "clientTools.confirm.result"],
  [{ clientTools: { confirm: { parameters: z.object({ at: z.date() }), result: parameters } } }, "parameters.at"],
  [{ clientTools: { "not a name": { parameters, result: parameters } } }, "name"],
  [{ serverTools: [tool], clientTools: { confirm: { parameters, result: parameters } } }, "clientTools.confirm"],
  [{ serverTools: "weather" }, "tools"],
  [{ serverTools: [{ type: "function", function: { name: "a" } }] }, "tools"]
]

describe("flowPage", () => {
  it.each([...wrong, ...wrongTools])("refuses %j", (more, field) => {
    const given = { ...good, ...more } as never
    for (const make of [() => web(given), () => express(given), () => nextjs(given)]) {
      assert.strictEqual(fieldOf(make), field)
    }
  })

  it.each(wrong)("refuses %j in a server of Effect, too", (more, field) => {
    const { client: _, ...given } = { ...good, authorize: () => Effect.succeed(true), ...more }
    const error = Effect.runSync(
      Effect.flip(Effect.provide(Platform.flowPage(given as never), Sdk.layerScripted()))
    )
    assert.instanceOf(error, InvalidRequestError)
    assert.strictEqual(error.field, field)
  })

  it("refuses tools of one name, or with a bad name, in a server of Effect", () => {
    const confirm = Tools.tool({ name: "confirm", parameters, handler: () => Effect.succeed(null) })
    const refused = (more: object) =>
      Effect.runSync(Effect.flip(Effect.provide(
        Platform.flowPage({
          flow: "acme/support/chat",
          authorize: () => Effect.succeed(true),
          owner: () => "all",
          ...more
        }),
        Sdk.layerScripted()
      ))).field
    const clientTools = { confirm: { parameters, result: parameters } }
    assert.strictEqual(refused({ serverTools: Tools.make(confirm), clientTools }), "clientTools.confirm")
    assert.strictEqual(refused({ clientTools: { "not a name": clientTools.confirm } }), "clientTools.not a name")
    assert.strictEqual(refused({ serverTools: [confirm] }), "serverTools")
  })

  it("takes schemas of other libraries, and a store that is an object of a class", () => {
    class Store {
      readonly pool = {}
      latest() {
        return undefined
      }
      claim() {
        return true
      }
    }
    const schema = z.object({ text: z.string() })
    web({ ...good, turns: new Store(), clientTools: { confirm: { parameters: schema, result: z.boolean() } } })
  })
})
