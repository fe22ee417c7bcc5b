import { type McpConfig, McpConfigError, mcpServer } from "@effect-noukai/mcp"
import { jsonSchema } from "@effect-noukai/mcp/McpConfig"
import { Noukai } from "@effect-noukai/promise"
import { assert, describe, it } from "@effect/vitest"
import { fromJsonSchema } from "@modelcontextprotocol/server"
import { readFileSync } from "node:fs"
import { expect } from "vitest"
import { configOf, two } from "./support/world.js"

const noukai = new Noukai({ apiKey: "nk_none", env: "dev", port: 1 })

/** The mistakes of a config, which may have any form. */
const problemsOf = (config: unknown): ReadonlyArray<string> => {
  try {
    mcpServer(noukai, config as McpConfig)
    return []
  } catch (error) {
    assert.instanceOf(error, McpConfigError)
    assert.strictEqual((error as Error).message, (error as McpConfigError).problems.join("\n"))
    return (error as McpConfigError).problems
  }
}

const tool = (more: object) => ({ tools: { say: { ...two, ...more } } })

const server = (more: object) => ({ ...configOf(), servers: { weather: { command: "a", allow: ["b"], ...more } } })

const object = { type: "object" }

const wrong: ReadonlyArray<readonly [config: unknown, problem: RegExp]> = [
  [undefined, /^the config /],
  [[], /^the config |^tools is missing/],
  [{}, /^tools is missing/],
  [{ tools: {} }, /^tools must have at least one tool$/],
  [{ ...configOf(), apiKey: "nk_a" }, /^apiKey is unexpected/],
  [{ tools: { "a b": two } }, /^tools\.a b: the name of a tool/],
  [{ tools: { say: "acme/test/two" } }, /^tools\.say /],
  [tool({ flow: "" }), /^tools\.say\.flow must be a text, not ""$/],
  [tool({ flow: "two" }), /^tools\.say\.flow "two": /],
  [tool({ flow: "a/b" }), /^tools\.say\.flow "a\/b": /],
  [tool({ flow: undefined }), /^tools\.say\.flow must be a text$/],
  [
    tool({ version: "draft" }),
    /^tools\.say\.version must be "production" or the number of a published version, not "draft"$/
  ],
  [tool({ version: 0 }), /^tools\.say\.version must be .*, not 0$/],
  [tool({ title: 1 }), /^tools\.say\.title must be a text, not 1$/],
  [tool({ description: "" }), /^tools\.say\.description must be a text, not ""$/],
  [tool({ message: "maybe" }), /^tools\.say\.message must be "required" or "optional" or "none", not "maybe"$/],
  [tool({ parameters: "x" }), /^tools\.say\.parameters must be the JSON Schema of the parameters, not "x"$/],
  [tool({ parameters: { type: "array" } }), /^tools\.say\.parameters\.type must be "object"/],
  [tool({ parameters: { ...object, required: "a" } }), /^tools\.say\.parameters: .*required/],
  [tool({ parameters: { ...object, properties: { a: { type: "objekt" } } } }), /^tools\.say\.parameters: .*type/],
  [tool({ parameters: { ...object, properties: { a: { $ref: "#/$defs/none" } } } }), /^tools\.say\.parameters: .*none/],
  [
    tool({ parameters: { ...object, properties: { message: {} } } }),
    /^tools\.say\.parameters: a parameter cannot be named "message"/
  ],
  [tool({ result: { type: "string" } }), /^tools\.say\.result\.type must be "object"/],
  [tool({ result: { ...object, properties: { a: { pattern: "(" } } } }), /^tools\.say\.result: /],
  [tool({ maxCostUsd: undefined }), /^tools\.say\.maxCostUsd must be US dollars above 0/],
  [tool({ maxCostUsd: 0 }), /^tools\.say\.maxCostUsd must be US dollars above 0, such as "0\.02", not 0$/],
  [tool({ maxCostUsd: "-1" }), /^tools\.say\.maxCostUsd must be .*, not "-1"$/],
  [tool({ maxCostUsd: "0.000" }), /^tools\.say\.maxCostUsd must be .*, not "0\.000"$/],
  [tool({ timeout: undefined }), /^tools\.say\.timeout must be a time above 0/],
  [tool({ timeout: "soon" }), /^tools\.say\.timeout must be a time above 0, such as "5 minutes", not "soon"$/],
  [tool({ timeout: "0 seconds" }), /^tools\.say\.timeout must be .*, not "0 seconds"$/],
  [tool({ timeout: "900 hours" }), /^tools\.say\.timeout must be .*, not "900 hours"$/],
  [tool({ uses: [] }), /^tools\.say\.uses must be a list of servers with at least one$/],
  [tool({ uses: ["weather"] }), /^tools\.say\.uses: there is no server "weather" in servers$/],
  [tool({ once: true }), /^tools\.say\.once must be "arguments", not true$/],
  [tool({ readOnly: "yes" }), /^tools\.say\.readOnly must be true or false, not "yes"$/],
  [tool({ maxCost: 1 }), /^tools\.say\.maxCost is unexpected/],
  [configOf({}, { budgetUsd: "much" }), /^budgetUsd must be US dollars above 0, such as "0\.02", not "much"$/],
  [configOf({}, { budgetUsd: "0.01" }), /^tools\.say\.maxCostUsd is more than budgetUsd/],
  [configOf({}, { concurrency: 0 }), /^concurrency must be a whole number from 1 to 100, not 0$/],
  [configOf({}, { concurrency: 1.5 }), /^concurrency must be .*, not 1\.5$/],
  [configOf({}, { wait: "30" }), /^wait must be a time above 0, such as "5 minutes", not "30"$/],
  [{ ...configOf(), servers: [] }, /^servers /],
  [server({ command: "" }), /^servers\.weather\.command must be a text, not ""$/],
  [server({ args: "a" }), /^servers\.weather\.args must be a list of texts, not "a"$/],
  [server({ env: { TOKEN: 4711 } }), /^servers\.weather\.env\.TOKEN must be a text$/],
  [server({ cwd: 1 }), /^servers\.weather\.cwd must be a text, not 1$/],
  [server({ allow: undefined }), /^servers\.weather\.allow must be a list of tools with at least one/],
  [server({ allow: [] }), /^servers\.weather\.allow must be a list of tools with at least one/],
  [
    { ...server({ allow: ["delete.all", "delete_all"] }), ...tool({ uses: ["weather"] }) },
    /^tools\.say\.uses: the tools "delete\.all" and "delete_all" would both be named delete_all for the flow/
  ],
  [
    {
      ...tool({ uses: ["weather", "other"] }),
      servers: { weather: { command: "a", allow: ["b"] }, other: { command: "a", allow: ["b"] } }
    },
    /^tools\.say\.uses: the tools "b" and "b" would both be named b for the flow/
  ],
  [server({ url: "http://a" }), /^servers\.weather\.url is unexpected/]
]

describe("a config", () => {
  it.each(wrong)("is refused: %j", (config, problem) => {
    const problems = problemsOf(config)
    assert.lengthOf(problems, 1, problems.join("\n"))
    assert.match(problems[0]!, problem)
  })

  it("is told of all its mistakes at once", () => {
    const problems = problemsOf({
      tools: { say: { ...two, maxCostUsd: 0, timeout: 5 }, shout: { ...two, flow: 1 } },
      wait: "soon"
    })
    assert.lengthOf(problems, 4, problems.join("\n"))
  })

  it("can have everything", () => {
    assert.deepStrictEqual(
      problemsOf({
        $schema: "mcp.schema.json",
        ...server({ args: ["x"], env: { A: "b" }, cwd: "/" }),
        ...tool({
          version: 3,
          title: "Say",
          message: "optional",
          parameters: object,
          result: { ...object, $schema: "https://json-schema.org/draft/2020-12/schema" },
          maxCostUsd: 0.02,
          uses: ["weather"],
          once: "arguments",
          readOnly: false
        }),
        budgetUsd: 5,
        concurrency: 2,
        wait: "1 minute"
      }),
      []
    )
  })

  it("of the guide is right", () => {
    assert.deepStrictEqual(
      problemsOf(JSON.parse(readFileSync(new URL("./examples/noukai.mcp.json", import.meta.url), "utf8"))),
      []
    )
  })
})

it("the JSON Schema of configs is the one in the package", async () => {
  const schema = jsonSchema()
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot("../mcp.schema.json")
  const { "~standard": { validate } } = fromJsonSchema(JSON.parse(JSON.stringify(schema)))
  const isRight = async (config: unknown) => (await validate(JSON.parse(JSON.stringify(config)))).issues === undefined
  assert.isTrue(await isRight(configOf()))
  assert.isFalse(await isRight(tool({ timeout: "soon" })))
  assert.isFalse(await isRight(tool({ maxCostUsd: -1 })))
  assert.isFalse(await isRight(tool({ maxCost: 1 })))
})
