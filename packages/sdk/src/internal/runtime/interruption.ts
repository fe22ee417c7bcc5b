/**
 * Waiting and ending on the hot path, where interruption is minded.
 *
 * `Effect.async`, `Effect.onExit` and all that masks interruption assign a function literal to a property whenever they
 * run. V8 puts such functions among its old objects at once, and what a dead old object refers to lives until the next
 * full collection: of each call the fiber and all that it held, which two collections copy in the meantime. What is made
 * here are the same instructions, with functions that are not assigned as literals. Where Effect has other instructions
 * than those known here, its own operators are used.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as RuntimeFlags from "effect/RuntimeFlags"

type Register<A, E> = (resume: (result: Effect.Effect<A, E>) => void) => void

/** An instruction of Effect's interpreter. */
interface Instruction {
  readonly _op: string
  effect_instruction_i0: unknown
  effect_instruction_i1: unknown
}

const isInstruction = (value: unknown): value is Instruction =>
  Predicate.hasProperty(value, "_op") && typeof value._op === "string" &&
  "effect_instruction_i0" in value && "effect_instruction_i1" in value

/** The instruction that `Effect.async` ends in. */
const findWait = (): unknown => {
  // with one parameter: for any other number it also makes an `AbortController`
  const outer: unknown = Effect.async((_) => {})
  return Predicate.hasProperty(outer, "commit") && typeof outer.commit === "function" ? outer.commit() : undefined
}

interface Instructions {
  /** `i0` takes the callback. */
  readonly wait: Instruction
  /** `i0` is the change of the flags, `i1` gives the effect that runs with it. */
  readonly interruptible: Instruction
  readonly uninterruptible: Instruction
}

/** The instructions of Effect; `undefined` where they are not those known here. @internal */
export const findInstructions = (): Instructions | undefined => {
  const wait = findWait()
  const interruptible: unknown = Effect.interruptible(Effect.void)
  const uninterruptible: unknown = Effect.uninterruptible(Effect.void)
  return isInstruction(wait) && wait._op === "Async" && typeof wait.effect_instruction_i0 === "function" &&
      isInstruction(interruptible) && typeof interruptible.effect_instruction_i1 === "function" &&
      isInstruction(uninterruptible) && typeof uninterruptible.effect_instruction_i1 === "function"
    ? { wait, interruptible, uninterruptible }
    : undefined
}

const like = (instruction: Instruction, i0: unknown, i1: unknown): Effect.Effect<never> => {
  const made = new (instruction.constructor as new(_op: string) => Instruction)(instruction._op)
  made.effect_instruction_i0 = i0
  made.effect_instruction_i1 = i1
  return made as unknown as Effect.Effect<never>
}

const always = <A>(value: A) => (): A => value

interface Handlers<A, E> {
  readonly onFailure: (cause: Cause.Cause<E>) => Effect.Effect<A, E>
  readonly onSuccess: (value: A) => Effect.Effect<A, E>
}

interface Operators {
  /** Runs the effect as its fiber may be interrupted, and goes on with its end, whatever that is, uninterruptibly. */
  readonly onEnd: <A, E, R>(self: Effect.Effect<A, E, R>, handlers: Handlers<A, E>) => Effect.Effect<A, E, R>
  /**
   * Waits until `register` is called back, and runs `onInterrupt` when it is interrupted before. It can be run
   * repeatedly.
   */
  readonly suspend: <A, E>(register: Register<A, E>, onInterrupt: Effect.Effect<void>) => Effect.Effect<A, E>
}

/** The operators of Effect itself. @internal */
export const plain: Operators = {
  onEnd: (self, handlers) => Effect.uninterruptibleMask((restore) => Effect.matchCauseEffect(restore(self), handlers)),
  suspend: (register, onInterrupt) => Effect.onInterrupt(Effect.async((resume) => register(resume)), () => onInterrupt)
}

/** The operators over instructions of Effect. @internal */
export const over = ({ interruptible, uninterruptible, wait }: Instructions): Operators => {
  const onEnd: Operators["onEnd"] = <A, E, R>(self: Effect.Effect<A, E, R>, handlers: Handlers<A, E>) =>
    Effect.withFiberRuntime<A, E, R>((_, { runtimeFlags }) => {
      if (!RuntimeFlags.interruption(runtimeFlags)) return Effect.matchCauseEffect(self, handlers)
      const restored: Effect.Effect<A, E, R> = like(interruptible, interruptible.effect_instruction_i0, always(self))
      const ended = Effect.matchCauseEffect(restored, handlers)
      return like(uninterruptible, uninterruptible.effect_instruction_i0, always(ended))
    })
  return {
    onEnd,
    suspend: <A, E>(register: Register<A, E>, onInterrupt: Effect.Effect<void>) =>
      onEnd<A, E, never>(like(wait, register, wait.effect_instruction_i1), {
        onFailure: (cause) => {
          const failed = Effect.failCause(cause)
          return Cause.isInterruptedOnly(cause) ? Effect.zipRight(onInterrupt, failed) : failed
        },
        onSuccess: Effect.succeed
      })
  }
}

const found = findInstructions()

/** @internal */
export const { onEnd, suspend }: Operators = found === undefined ? plain : over(found)
