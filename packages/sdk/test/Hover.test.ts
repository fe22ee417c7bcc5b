/** The text that an editor shows of a call. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import ts from "typescript"

const service = fileURLToPath(new URL("../src/FlowService.ts", import.meta.url))

/** The hover text of a method in a call, from the sources of the service alone: what they import is `any`. */
const hovers = (() => {
  const text = `import type { FlowService } from "./FlowService.js"
declare const flows: FlowService.Service
${["execute", "executeOnce", "resume", "events", "steps"].map((name) => `flows.${name}({} as any)`).join("\n")}`
  const caller = service.replace(/FlowService\.ts$/, "caller.ts")
  const contents = new Map([[service, readFileSync(service, "utf8")], [caller, text]])
  const language = ts.createLanguageService({
    getCompilationSettings: () => ({ noLib: true, module: ts.ModuleKind.NodeNext, types: [] }),
    getScriptFileNames: () => [caller],
    getScriptVersion: () => "1",
    getScriptSnapshot: (name) => {
      const content = contents.get(name)
      return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content)
    },
    getCurrentDirectory: () => "/",
    getDefaultLibFileName: () => "",
    fileExists: (name) => contents.has(name),
    readFile: (name) => contents.get(name)
  })
  return (method: string): string =>
    ts.displayPartsToString(
      language.getQuickInfoAtPosition(caller, text.indexOf(`.${method}(`) + 1)?.displayParts
    )
})()

describe("the hover of a call", () => {
  const ofRun = "<unknown, AnyParameters, undefined, Effect.Effect<void>>("
  const ofStream = "<unknown, AnyParameters, undefined>("
  it.each([
    ["execute", ofRun],
    ["executeOnce", ofRun],
    ["resume", ofRun],
    ["events", ofStream],
    ["steps", ofStream]
  ])(
    "of %s shows result, parameters and tools, and the effect of onPause where there is one",
    (method, types) => assert.include(hovers(method), `(property) FlowService.Service.${method}: ${types}`)
  )
})
