/**
 * Runs before each test file. It sets how often properties are tried, and fails a file that changes its process: files
 * share their processes, so otherwise the next file would fail.
 */
import "effect/Effect" // it keeps its shared state in a global
import { configureGlobal } from "effect/FastCheck"
import { afterAll, assert } from "vitest"
import { size } from "./size.js"

configureGlobal({ numRuns: size(100, 10) })

/** A value that has yet to be computed, as some of Node's globals are until they are used. */
const lazy = Symbol()

const values = (of: object): Map<string, unknown> =>
  new Map(
    Object.entries(Object.getOwnPropertyDescriptors(of))
      .map(([name, property]) => [name, "value" in property ? property.value : lazy])
  )

/** Globals in which ArkType and Zod keep their own state, as Effect does. */
const ofLibraries = /^(\$ark|__zod_)/

const listeners = (): Map<string, unknown> =>
  new Map(process.eventNames().map((name) => [String(name), process.listenerCount(name)]))

const state = () => ({
  "process.env": new Map<string, unknown>(Object.entries(process.env)),
  "the listeners of process": listeners(),
  process: values(process),
  console: values(console),
  globalThis: values(globalThis),
  "the folder": new Map<string, unknown>([["cwd", process.cwd()]])
})

const before = state()

afterAll(() => {
  const after = state()
  const left = Object.entries(before).flatMap(([place, was]) => {
    const is = after[place as keyof typeof after]
    return [...new Set([...was.keys(), ...is.keys()])]
      .filter((name) => was.get(name) !== lazy && !ofLibraries.test(name) && !Object.is(was.get(name), is.get(name)))
      .map((name) => `${name} of ${place}`)
  })
  assert.deepStrictEqual(left, [], "the file leaves behind")
})
