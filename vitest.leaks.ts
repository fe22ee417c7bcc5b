/**
 * The files of a project share a process: each has to leave it as it was. A file that does not is told so here, and not
 * by another that happens to follow it.
 */
import "effect/Effect" // it keeps what it shares in a global
import { afterAll, assert } from "vitest"

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
