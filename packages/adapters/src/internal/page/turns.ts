/** The turns of chats: the store of one process, and the lease of a turn that is under way. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Predicate from "effect/Predicate"
import type { Claim, Turn, Turns } from "../../Page.js"
import { promised, Thrown } from "../untrusted.js"

interface Held {
  readonly turn: string
  readonly holder: string
  readonly until: number
}

/** The number of chats that a process remembers. */
const most = 100_000

/** The turns of one process. The oldest chats are forgotten. */
export const turnsInProcess = (now: () => number): Turns => {
  const chats = new Map<string, Held>()
  return {
    latest: (chat) => {
      const found = chats.get(chat)
      return found === undefined ? undefined : { turn: found.turn, held: found.until > now() }
    },
    claim: ({ chat, holder, lease, turn }) => {
      const found = chats.get(chat)
      if (found !== undefined && found.holder !== holder && found.until > now()) return false
      chats.delete(chat)
      chats.set(chat, { turn, holder, until: now() + lease })
      if (chats.size > most) chats.delete(chats.keys().next().value!)
      return true
    }
  }
}

/** Asks a store, which may throw, reject, answer later, or not at all. */
export const onStore = <A>(ask: () => A | PromiseLike<A>): Effect.Effect<A, Thrown> =>
  Effect.timeoutFail(promised(ask), {
    duration: "10 seconds",
    onTimeout: () => new Thrown({ reason: "the store of turns has not answered after 10 seconds" })
  })

/** The time for which a turn is held. It is claimed again after a third of it. */
const lease = 60_000

/** The turn of a request. */
export interface HeldTurn extends Omit<Claim, "lease"> {
  readonly turns: Turns
}

/** Claims a turn. A claim that the store grants when nobody waits for it any more is given back. */
const claimed = (
  { turns, ...turn }: HeldTurn,
  abandoned: (exit: Exit.Exit<boolean, Thrown>) => boolean
): Effect.Effect<boolean, Thrown> =>
  Effect.suspend(() => {
    let isAbandoned = false
    const asked = async () => {
      const isHeld = await turns.claim({ ...turn, lease })
      if (isHeld && isAbandoned) await turns.claim({ ...turn, lease: 0 })
      return isHeld
    }
    return Effect.onExit(onStore(asked), (exit) =>
      Effect.sync(() => {
        isAbandoned = abandoned(exit)
      }))
  })

/** Holds a turn; `false` if another one is under way. */
export const hold = (turn: HeldTurn): Effect.Effect<boolean, Thrown> => claimed(turn, Exit.isFailure)

/** Lets go of a turn. If the store fails, the lease ends by itself. */
export const release = ({ turns, ...turn }: HeldTurn): Effect.Effect<void> =>
  Effect.ignore(onStore(() => turns.claim({ ...turn, lease: 0 })))

/** Keeps a turn. Ends when another holder has it. */
export const keep = (turn: HeldTurn): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(
    // a store that fails may answer again before the lease ends
    Effect.delay(Effect.orElseSucceed(claimed(turn, Exit.isInterrupted), () => true), lease / 3),
    { while: identity<boolean> }
  ))

/** The newest turn of a chat, as a store of a user has it: a row that is absent may be `null`. */
export const newest = (turns: Turns, chat: string): Effect.Effect<Turn | undefined, Thrown> =>
  Effect.flatMap(onStore(() => turns.latest(chat)), (found: unknown) => {
    if (found === undefined || found === null) return Effect.sync(() => undefined)
    return Predicate.hasProperty(found, "turn") && typeof found.turn === "string"
      ? Effect.succeed({ turn: found.turn, held: Predicate.hasProperty(found, "held") && Boolean(found.held) })
      : Effect.fail(
        new Thrown({ reason: "flowPage: `latest` of the store of turns must return { turn, held } or undefined" })
      )
  })
