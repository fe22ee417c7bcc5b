import { parse } from "@effect-noukai/emulator/Fault"
import { decodeText } from "@effect-noukai/emulator/FlowFile"
import { Either } from "effect"
import { readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

describe("README", () => {
  it("its flows files are valid", () => {
    const files = [...readme.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, text]) => text!)
    assert.isNotEmpty(files)
    for (const file of files) {
      const decoded = decodeText(file, "README.md")
      assert.isTrue(Either.isRight(decoded), Either.isLeft(decoded) ? decoded.left.message : "")
    }
  })

  it("every fault of its table is one", () => {
    const table = readme.slice(readme.indexOf("| fault |"), readme.indexOf("Several at once"))
    const faults = [...table.matchAll(/`([^`]+)`/g)].map(([, text]) => text!.replaceAll(/<n>|<ms>/g, "5"))
      .filter((text) => text !== "/jobs")
    assert.isAbove(faults.length, 30)
    for (const fault of faults) assert.isTrue(Either.isRight(parse(fault)), fault)
  })
})
