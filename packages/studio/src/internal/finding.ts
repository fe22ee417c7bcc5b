/** The search over all runs of a source: it keeps their texts in a file, once it was asked to. */
import * as TraceLayout from "@effect-noukai/report/TraceLayout"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { closeSync, mkdirSync, openSync, statSync } from "node:fs"
import { dirname } from "node:path"
import type { FindState, FoundRuns } from "../FindApi.js"
import { type Run, Unavailable } from "../RunsApi.js"
import type { StoredRun, StudioSource } from "../StudioSource.js"
import { placesOf } from "./search.js"
import type { Limits, SearchIndex } from "./searchIndex.js"
import { type Mask, masked } from "./text.js"
import { hasEnded } from "./times.js"

const day = 86_400_000

export const standardLimits: Limits = { bytes: 500_000_000, ageMs: 30 * day }

/** The fewest characters of a sought text. */
const shortest = 3

/** The time between two reads of runs of a server, so that pages come first. */
const pace = "250 millis"

export interface Finding {
  readonly state: Effect.Effect<FindState, Unavailable>
  readonly begin: Effect.Effect<FindState, Unavailable>
  readonly find: (text: string) => Effect.Effect<FoundRuns, Unavailable>
  /** The source, whose reads add to the index. */
  readonly source: StudioSource.Service
}

/** Makes the file: its presence says that the search was asked for. */
const prepare = (file: string): void => {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  closeSync(openSync(file, "a", 0o600))
}

interface Opened {
  readonly index: SearchIndex
  readonly inode: number
  /** Whether a read of a run sends no request over a network. */
  readonly isFree: boolean
}

const attempting = <A>(file: string, run: () => A): Effect.Effect<A, Unavailable> =>
  Effect.try({
    try: run,
    catch: (cause) =>
      new Unavailable({
        message: masked(
          `The index of the search in ${file} failed: ${cause instanceof Error ? cause.message : String(cause)}`
        ),
        advice: "`noukai studio --forget` deletes it. The next search begins a new one."
      })
  })

const stateOf = (
  file: string,
  { ageMs, bytes }: Limits,
  index: SearchIndex | undefined,
  waiting: number
): Effect.Effect<FindState, Unavailable> =>
  attempting(file, () => ({
    isOn: index !== undefined,
    file,
    runs: index?.runs() ?? 0,
    waiting: index === undefined ? 0 : waiting,
    sizeBytes: index?.sizeBytes() ?? 0,
    mostBytes: bytes,
    mostDays: Math.round(ageMs / day)
  }))

/** Makes the search. It reads the listed runs when a page lists runs or searches, each run once. */
export const make = (
  file: string,
  mask: Mask,
  source: StudioSource.Service,
  limits: Limits = standardLimits
): Effect.Effect<Finding, never, Scope.Scope> =>
  Effect.gen(function*() {
    const turn = yield* Effect.makeSemaphore(1)
    const wanted = yield* Queue.sliding<void>(1)
    /** Runs whose read failed. */
    const unread = new Set<string>()
    let opened: Opened | undefined
    let waiting = 0

    const close = (): void => {
      opened?.index.close()
      opened = undefined
    }
    yield* Effect.addFinalizer(() => Effect.sync(close))

    const attempt = <A>(run: () => A) => attempting(file, run)
    const told = (one: Opened | undefined) => stateOf(file, limits, one?.index, waiting)

    /** The open index. None before it was asked for, and after it was forgotten. */
    const current: Effect.Effect<Opened | undefined, Unavailable> = Effect.gen(function*() {
      // another file may have taken the place of the one that is open
      const inode = statSync(file, { throwIfNoEntry: false })?.ino
      if (opened !== undefined && opened.inode !== inode) close()
      if (inode === undefined || opened !== undefined) return opened
      const { address, kind } = yield* source.source
      // a start of a studio without a search does not load it
      const { open } = yield* Effect.promise(() => import("./searchIndex.js"))
      const now = yield* Clock.currentTimeMillis
      return yield* attempt(() => {
        const index = open(file, address, limits, { isAnew: kind === "emulator" })
        index.expire(now)
        opened = { index, inode, isFree: kind === "emulator" }
        return opened
      })
    }).pipe(turn.withPermits(1))

    const isWanted = ({ index }: Opened, { id, startedAt, status }: Run, now: number): boolean =>
      hasEnded(status) && !index.has(id) && (startedAt === undefined || startedAt >= now - limits.ageMs)

    const note = Effect.fnUntraced(function*({ run, trace }: StoredRun) {
      const one = yield* current
      const now = yield* Clock.currentTimeMillis
      if (one === undefined || !isWanted(one, run, now)) return
      yield* attempt(() => one.index.add(run, placesOf(mask, TraceLayout.make(trace)), now))
    })

    const searched: StudioSource.Service = {
      ...source,
      list: (filter, page) => Effect.zipLeft(source.list(filter, page), Queue.offer(wanted, undefined)),
      run: (flow, id) =>
        Effect.tap(source.run(flow, id), (stored) =>
          Effect.catchAll(note(stored), ({ message }) => Effect.logWarning(message)))
    }

    /** Reads the listed runs that the index does not have, the oldest first. */
    const walk = Effect.gen(function*() {
      const one = yield* current
      if (one === undefined) {
        return
      }
      const now = yield* Clock.currentTimeMillis
      yield* attempt(() =>
        one.index.expire(now)
      )
      const runs = (yield* source.runs({})).filter((run) => isWanted(one, run, now) && !unread.has(run.id)).toReversed()
      waiting = runs.length
      for (const { flow, id } of runs) {
        if ((yield* current) !== one) break
        if (!one.index.has(id)) {
          yield* Effect.ignore(searched.run(flow, id))
          // also one whose text could not be kept
          if (!one.index.has(id)) unread.add(id)
          yield* one.isFree ? Effect.yieldNow() : Effect.sleep(pace)
        }
        waiting--
      }
    }).pipe(
      Effect.ensuring(Effect.sync(() => void (waiting = 0))),
      Effect.catchAll(({ message }) => Effect.logWarning(message))
    )
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Queue.take(wanted), walk)))

    const wake = Queue.offer(wanted, undefined)
    return {
      source: searched,
      state: Effect.flatMap(current, told),
      begin: Effect.gen(function*() {
        yield* attempt(() => prepare(file))
        const one = yield* current
        yield* wake
        return yield* told(one)
      }),
      find: Effect.fnUntraced(function*(text) {
        const one = yield* current
        yield* wake
        const sought = text.trim()
        const none = one === undefined || [...sought].length < shortest
        const found = none ? { runs: [], isCut: false } : yield* attempt(() => one.index.find(sought))
        return { ...found, state: yield* told(one) }
      })
    }
  })
