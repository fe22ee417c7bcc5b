/**
 * The platform's asynchronous context, where it has one. It is asked for, never imported, so that this package loads
 * everywhere.
 *
 * @internal
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

/**
 * Whether scopes reach beyond the first `await` here.
 *
 * @internal
 */
export const hasAsyncContext = (): boolean => storage() !== undefined

type Run = <A>(f: () => A) => A

const here: Run = (f) => f()

/**
 * Runs functions in the asynchronous context of now.
 *
 * @internal
 */
export const snapshot = (): Run => storage()?.snapshot?.() ?? here

/**
 * Runs a fiber, wherever it is woken, in the asynchronous context of now.
 *
 * @internal
 */
export const schedulerOfNow = (): Scheduler.Scheduler => {
  const inContext = snapshot()
  const { defaultScheduler } = Scheduler
  return {
    shouldYield: (fiber) => defaultScheduler.shouldYield(fiber),
    scheduleTask: (task, priority, fiber) => defaultScheduler.scheduleTask(() => inContext(task), priority, fiber)
  }
}
