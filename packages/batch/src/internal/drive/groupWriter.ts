/**
 * Writes what happens to many rows in one statement: a database takes hundreds of statements in a second, and thousands
 * of rows.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { BatchStoreError } from "../../BatchError.js"

/** How long the first of a group waits for others, in milliseconds. */
const linger = 3

/** The most that one statement takes: so many items, or about so many bytes, or one item that has more. */
const [mostItems, mostBytes] = [500, 1024 * 1024]

interface Waiting<A> {
  readonly item: A
  readonly resume: (exit: Exit.Exit<boolean, BatchStoreError>) => void
}

/** Writes an item with the others of its moment, and tells whether it was taken. `write` gives the items that were. */
export const make = <A extends { readonly id: number }>(
  write: (items: ReadonlyArray<A>) => Effect.Effect<ReadonlySet<number>, BatchStoreError>,
  sizeOf: (item: A) => number
): Effect.Effect<(item: A) => Effect.Effect<boolean, BatchStoreError>, never, Scope.Scope> =>
  Effect.gen(function*() {
    let waiting: Array<Waiting<A>> = []
    let wake: (() => void) | undefined

    const noticed = Effect.async<void>((resume) => {
      if (waiting.length > 0) return resume(Effect.void)
      wake = () => {
        wake = undefined
        resume(Effect.void)
      }
    })
    // native, for it is no time that a program knows of
    const lingering = Effect.async<void>((resume) => {
      // eslint-disable-next-line no-restricted-globals
      const timer = setTimeout(() => resume(Effect.void), linger)
      return Effect.sync(() => clearTimeout(timer))
    })
    const group = Effect.suspend(() => {
      let [count, bytes] = [0, 0]
      for (const { item } of waiting) {
        bytes += sizeOf(item)
        if (count === mostItems || (count > 0 && bytes > mostBytes)) break
        count++
      }
      const items = waiting.slice(0, count)
      waiting = waiting.slice(count)
      return Effect.map(Effect.exit(write(items.map(({ item }) => item))), (exit) => {
        for (const { item, resume } of items) resume(Exit.map(exit, (taken) => taken.has(item.id)))
      })
    })
    yield* Effect.forkScoped(Effect.forever(noticed.pipe(Effect.zipRight(lingering), Effect.zipRight(group))))

    return (item) =>
      Effect.async<boolean, BatchStoreError>((resume) => {
        waiting.push({ item, resume })
        wake?.()
      })
  })
