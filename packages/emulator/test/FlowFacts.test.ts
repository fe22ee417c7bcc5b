/** The facts of a flow for a form about a new run. */
import type { Flow } from "@effect-noukai/emulator"
import * as Emulator from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"

const step = (id: string, output: string): Flow["steps"][number] => ({ kind: "template", id, output })

const flows: ReadonlyArray<Flow> = [
  {
    ref: "acme/test/orders",
    production: 2,
    steps: [step("draft", "x")],
    versions: {
      2: {
        steps: [
          step("a", "{{parameters.place.city}} {{ parameters.__proto__ }} {{parameters.message}}"),
          {
            kind: "loop",
            id: "each",
            over: "{{parameters.items}}",
            steps: [step("inner", "{{message}} {{loop.item}}")]
          },
          {
            kind: "tool",
            id: "ask",
            rounds: [[{ name: "search" }]],
            output: "{{parameters.limit}} {{steps.a.output}}"
          },
          { kind: "function", id: "code", run: () => 1 }
        ]
      },
      10: { steps: [step("later", "{{parameters.other}}")] }
    }
  },
  {
    ref: "acme/test/declared",
    parameters: { type: "object", properties: { n: { type: "integer" } } },
    steps: [step("a", "{{parameters.x}}")]
  }
]

describe("the facts of a flow", () => {
  it.scoped("are its versions, its steps, and the parameters that it declares or that its templates use", () =>
    Effect.gen(function*() {
      const { flow } = yield* Emulator.make({ flows })
      assert.deepStrictEqual(JSON.parse(JSON.stringify(Option.getOrThrow(yield* flow("acme/test/orders")))), {
        versions: ["2", "10", "draft"],
        production: "2",
        needsMessage: true,
        parametersSchema: {
          type: "object",
          properties: JSON.parse("{\"place\":{},\"__proto__\":{},\"items\":{},\"limit\":{}}") as object
        },
        steps: ["a", "each", "ask", "code"]
      })
      assert.deepStrictEqual(Option.getOrThrow(yield* flow("acme/test/declared")), {
        versions: ["draft"],
        production: "draft",
        needsMessage: false,
        parametersSchema: { type: "object", properties: { n: { type: "integer" } } },
        steps: ["a"]
      })
      assert.isTrue(Option.isNone(yield* flow("acme/test/none")))
    }))
})
