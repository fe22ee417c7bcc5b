/**
 * The platform's asynchronous context, where it has one. It is looked up, never imported, so that this package loads
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

/** Whether scopes reach beyond the first `await` on this platform. */
export const hasAsyncContext = (): boolean => storage() !== undefined

type ContextRunner = <A>(f: () => A) => A

const here: ContextRunner = (f) => f()

/** Captures the current asynchronous context, to run functions in it later. */
export const snapshot = (): ContextRunner => storage()?.snapshot?.() ?? here

/** Captures the current asynchronous context, to run a fiber in it wherever the fiber is woken. */
export const schedulerOfNow = (): Scheduler.Scheduler => {
  const inContext = snapshot()
  const { defaultScheduler } = Scheduler
  return {
    shouldYield: (fiber) => defaultScheduler.shouldYield(fiber),
    scheduleTask: (task, priority, fiber) => defaultScheduler.scheduleTask(() => inContext(task), priority, fiber)
  }
}
