/**
 * The asynchronous context of the platform, if it has one. It is looked up and not imported, so this package loads
 * everywhere.
 */
import * as Scheduler from "effect/Scheduler"
import type * as AsyncHooks from "node:async_hooks"

type Storage = typeof AsyncHooks.AsyncLocalStorage

declare const globalThis: {
  readonly AsyncLocalStorage?: Storage
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown }
}

let found: { readonly storage: Storage | undefined } | undefined

const storage = (): Storage | undefined => {
  const hooks = () => globalThis.process?.getBuiltinModule?.("node:async_hooks") as typeof AsyncHooks | undefined
  found ??= { storage: hooks()?.AsyncLocalStorage ?? globalThis.AsyncLocalStorage }
  return found.storage
}

/** Whether scopes last beyond the first `await` on this platform. */
export const hasAsyncContext = (): boolean => storage() !== undefined

type ContextRunner = <A>(f: () => A) => A

const here: ContextRunner = (f) => f()

/** Captures the current asynchronous context. Returns a function that runs others in it. */
export const snapshot = (): ContextRunner => storage()?.snapshot?.() ?? here

/** Returns a scheduler that runs a fiber in the current asynchronous context. */
export const schedulerOfNow = (): Scheduler.Scheduler => {
  const inContext = snapshot()
  const { defaultScheduler } = Scheduler
  return {
    shouldYield: (fiber) => defaultScheduler.shouldYield(fiber),
    scheduleTask: (task, priority, fiber) => defaultScheduler.scheduleTask(() => inContext(task), priority, fiber)
  }
}
